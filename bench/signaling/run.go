package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Main runs `bench signaling` with args and writes the table to stdout.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	p, err := newPrograms(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Remove()) }()
	r := &runner{options: o, programs: p, figures: newFigures(), progress: stderr}
	for round := range o.rounds {
		if err := r.round(ctx, round); err != nil {
			return err
		}
	}
	return r.write(stdout)
}

// runner is one run of the bench.
type runner struct {
	*options
	programs *programs
	figures  figures
	progress io.Writer
	visits   int     // part of the names of rooms, so that they differ
	sameRate float64 // messages per second that all servers relay in this round; 0 = socket.io was not measured
}

func (o *options) measures(server string) bool { return slices.Contains(o.servers, server) }

// round measures every server once, with new processes.
func (r *runner) round(ctx context.Context, round int) error {
	r.sameRate = 0
	for _, g := range groups() {
		for _, k := range kinds() {
			if !r.measures(k.name) || r.tls && !k.tls || !g.wanted(r.options, k) {
				continue
			}
			start := time.Now()
			if err := g.measure(ctx, r, k); err != nil {
				return fmt.Errorf("%s, %s: %w", k.label, g.rows[0], err)
			}
			if _, err := fmt.Fprintf(r.progress, "round %d of %d: %s, %s: %.0f s\n",
				round+1, r.rounds, k.label, g.rows[0], time.Since(start).Seconds()); err != nil {
				return err
			}
		}
	}
	return nil
}
