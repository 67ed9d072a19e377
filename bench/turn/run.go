package turn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"callbox/bench/compare"
	"callbox/bench/process"
)

// Main runs `bench turn` with args and writes the table to stdout.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	packages := []string{"callbox/bench/turn/load", "callbox/bench/turn/forwarder", "callbox/bench/turn/plain"}
	if o.callbox == "" {
		packages = append(packages, "callbox/cmd/callbox")
	}
	p, err := process.NewPrograms(ctx, packages...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Remove()) }()
	p.Pinned = p.Pinned && !o.unpinned
	r := &runner{options: o, programs: p, figures: compare.NewFigures(), progress: stderr}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for round := range o.rounds {
		if err := r.round(ctx, round); err != nil {
			return err
		}
	}
	return errors.Join(r.write(stdout), r.failed)
}

// runner is one run of the bench.
type runner struct {
	*options
	programs  *process.Programs
	kinds     []kind
	figures   *compare.Figures
	progress  io.Writer
	notes     []string
	cert, key string
	quality   quality
	failed    error // errors of measurements
}

// round measures every server once in each row, one after the other, with new processes.
func (r *runner) round(ctx context.Context, round int) error {
	for _, w := range rows() {
		if !r.wants(w.name) {
			continue
		}
		for _, k := range r.kinds {
			if !k.can(w) {
				continue
			}
			start := time.Now()
			// After an error, the others are measured all the same.
			if err := r.measure(ctx, k, w); err != nil {
				r.failed = errors.Join(r.failed, fmt.Errorf("round %d: %s, %s: %w", round+1, w.name, k.label, err))
			}
			if ctx.Err() != nil {
				return errors.Join(context.Cause(ctx), r.failed)
			}
			if _, err := fmt.Fprintf(r.progress, "round %d of %d: %s, %s: %.0f s\n",
				round+1, r.rounds, w.name, k.label, time.Since(start).Seconds()); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes all figures.
func (r *runner) write(out io.Writer) error {
	verdicts := r.figures.Judge(targets())
	if r.json != "" {
		more := map[string]any{"pinned": r.programs.Pinned, "notes": r.notes}
		if err := r.figures.JSON(out, r.json, verdicts, more); err != nil || r.json == "-" {
			return err
		}
	}
	if r.markdown {
		var servers []string
		for _, k := range r.kinds {
			servers = append(servers, k.label)
		}
		return r.figures.Markdown(out, r.rounds, servers, verdicts)
	}
	notes := slices.Clone(r.notes)
	if r.rounds < roundsThatCount {
		notes = append(notes, fmt.Sprintf("Fewer than %d rounds: the medians are only a rough estimate.", roundsThatCount))
	}
	notes = append(notes, r.quality.notes()...)
	if !r.programs.Pinned {
		notes = append(notes, "Server and clients share their processors.")
	}
	return r.figures.Text(out, []string{labelCoturn, labelPlain, labelForwarder}, verdicts, notes)
}
