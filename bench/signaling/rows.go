package signaling

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"
)

// group is a group of rows that are measured with the same server process.
type group struct {
	rows    []string // their names for -row
	servers []string // empty = all
	measure func(ctx context.Context, r *runner, k kind) error
}

func groups() []group {
	return []group{
		{rows: []string{"relay", "relay8", "latency"}, measure: relays},
		{rows: []string{"latency"}, measure: sameRate},
		{rows: []string{"joins"}, measure: joins},
		{rows: []string{"storm"}, measure: storm},
		{rows: []string{"idle"}, measure: idle},
		{rows: []string{"slow"}, servers: []string{"callbox"}, measure: slow},
		{rows: []string{"limits"}, servers: []string{"callbox"}, measure: limits},
	}
}

func rowNames() (names []string) {
	for _, g := range groups() {
		for _, row := range g.rows {
			if !slices.Contains(names, row) {
				names = append(names, row)
			}
		}
	}
	return names
}

func (g *group) wanted(o *options, k kind) bool {
	return (len(g.servers) == 0 || slices.Contains(g.servers, k.name)) && slices.ContainsFunc(g.rows, o.wants)
}

// wants reports whether to measure a row.
func (o *options) wants(row string) bool { return slices.Contains(o.rows, row) }

// settings are the settings of a server that is measured.
func (r *runner) settings() settings {
	return settings{tls: r.tls}
}

// with runs measure with a new server.
func (r *runner) with(ctx context.Context, k kind, measure func(s *server) error) error {
	return r.withSettings(ctx, k, r.settings(), measure)
}

func (r *runner) withSettings(ctx context.Context, k kind, s settings, measure func(s *server) error) (err error) {
	running, err := r.programs.start(ctx, k, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.stop()) }()
	return measure(running)
}

// relays measures the rate of messages at saturation, and the latency below it.
func relays(ctx context.Context, r *runner, k kind) error {
	return r.with(ctx, k, func(s *server) error {
		warm, closed := r.warm, 0.0
		for _, row := range []struct {
			name   string
			label  string
			window int
		}{
			{"relay", rowRelay, 2},
			{"relay8", rowRelay8, 8},
		} {
			if !r.wants(row.name) && (row.window != 2 || !r.wants("latency")) {
				continue
			}
			l, err := r.load(ctx, s, "-row", "relay", "-rooms", strconv.Itoa(r.rooms),
				"-window", strconv.Itoa(row.window), "-warm", warm.String(), "-for", r.measure.String())
			if err != nil {
				return err
			}
			warm = min(warm, time.Second) // the server is warm, and only the connections are new
			r.figures.add(row.label, k, l.perCPU(l.Messages))
			if row.window == 2 {
				closed = l.perSecond(l.Messages)
				r.figures.add(rowMaximum, k, closed)
				r.figures.add(rowShare, k, 100*l.CPU/l.Seconds)
			}
		}
		if !r.wants("latency") {
			return nil
		}
		return r.latencies(ctx, s, closed)
	})
}
