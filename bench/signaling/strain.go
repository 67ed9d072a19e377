package signaling

import (
	"context"
	"fmt"
	"strconv"

	"callbox/bench/process"
)

// The load of the rooms that are measured, while others strain the server.
const (
	slowRate  = 5000 // messages per second
	floodRate = 1000
	floodRoom = 50 // rooms; their 100 clients have one address, within its limits
)

// slow measures the latency of rooms while there are other rooms whose receivers read one
// byte per second, and, for comparison, while those receivers read everything.
func slow(ctx context.Context, r *runner, k kind) error {
	for _, row := range []struct {
		label   string
		reading bool
	}{{rowReading, true}, {rowSlow, false}} {
		err := r.with(ctx, k, func(s *server) error {
			l, err := r.load(ctx, s, "-row", "relay", "-rooms", strconv.Itoa(r.rooms), "-slow", strconv.Itoa(r.slow),
				fmt.Sprintf("-slow-reading=%v", row.reading), "-rate", strconv.Itoa(min(slowRate, r.rooms*mostInRoom)),
				"-warm", r.warm.String(), "-for", r.measure.String())
			if err != nil {
				return err
			}
			r.figures.add(row.label, k, l.P99)
			if row.reading {
				return nil
			}
			r.figures.add(rowSlowRefused, k, float64(l.Refused))
			_, most, err := process.Resident(s.pid())
			r.figures.add(rowSlowMemory, k, float64(most)/(1<<20))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// floods are the values of the load generator's flag -attack.
func floods() []string { return []string{"connections", "frames", "joins"} }

// limits measures callbox with its default limits while one address floods it: the latency
// of others, and the memory.
func limits(ctx context.Context, r *runner, k kind) error {
	for _, flood := range append([]string{""}, floods()...) {
		settings := r.settings()
		settings.limits = true
		err := r.withSettings(ctx, k, settings, func(s *server) error {
			args := []string{
				"-row", "relay", "-rooms", strconv.Itoa(floodRoom), "-rate", strconv.Itoa(floodRate),
				"-warm", r.warm.String(), "-for", r.measure.String(), "-attack", flood,
			}
			l, err := r.load(ctx, s, args...)
			if err != nil {
				return err
			}
			_, most, err := process.Resident(s.pid())
			if flood == "" {
				flood = "nothing"
			}
			r.figures.add(fmt.Sprintf(rowFloodServed, flood), k, 100*l.perSecond(l.Messages)/floodRate)
			r.figures.add(fmt.Sprintf(rowFloodP99, flood), k, l.P99)
			r.figures.add(fmt.Sprintf(rowFloodMemory, flood), k, float64(most)/(1<<20))
			if flood != "nothing" {
				r.figures.add(fmt.Sprintf(rowFloodRefused, flood), k, float64(l.Refused))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("flood of %s: %w", flood, err)
		}
	}
	return nil
}
