package signaling

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// mostInRoom is the highest rate of messages per second in one room. At a higher rate, a
// pause of the machine could leave 256 messages unconfirmed, and callbox stores no more.
const mostInRoom = 500

// oneAtATime is the median latency, in microseconds, up to which the server is taken to
// handle messages one at a time. Above it, most messages wait behind others and one read
// returns several, so that the bench measures how a server handles many at once.
const oneAtATime = 1000

// searchRange is the ratio of the bounds between which a maximum is searched.
const searchRange = 8

// latencyRows are the rows for the figures of an open loop.
type latencyRows struct{ p50, p99, lag string }

// openLoop sends messages at a constant rate, in all rooms in turn. It does not measure
// CPU time, which may be too short to measure.
func (r *runner) openLoop(ctx context.Context, s *server, rate float64, warm, measure time.Duration) (*outcome, error) {
	return r.load(ctx, s, "-row", "relay", "-pid", "0", "-rooms", strconv.Itoa(r.rooms),
		"-rate", fmt.Sprintf("%.0f", min(rate, r.mostRate())), "-warm", warm.String(), "-for", measure.String())
}

func (r *runner) mostRate() float64 { return float64(r.rooms * mostInRoom) }

// latencies measures the latency at half of the open loop's maximum rate, and at half of
// the closed loop's rate.
func (r *runner) latencies(ctx context.Context, s *server, closed float64) error {
	most, err := r.mostSingle(ctx, s, closed)
	if err != nil {
		return err
	}
	r.figures.add(rowSingle, s.kind, most)
	if s.kind.name == "socketio" {
		r.sameRate = most / 2
	}
	if err := r.latency(ctx, s, most/2, latencyRows{rowP50, rowP99, rowLag}); err != nil {
		return err
	}
	return r.latency(ctx, s, closed/2, latencyRows{rowClosedP50, rowClosedP99, rowClosedLag})
}

// mostSingle searches the highest rate at which the server still handles messages one at
// a time, near the closed loop's rate.
func (r *runner) mostSingle(ctx context.Context, s *server, closed float64) (float64, error) {
	top := min(1.5*closed, r.mostRate())
	return bisect(top/searchRange, top, r.steps, func(rate float64) (bool, error) {
		l, err := r.openLoop(ctx, s, rate, min(r.warm, time.Second/2), min(r.measure, time.Second))
		return err == nil && l.P50 <= oneAtATime, err
	})
}

// bisect returns the highest rate between low and high that holds, after that many steps
// of bisection; low if none does.
func bisect(low, high float64, steps int, holds func(rate float64) (bool, error)) (float64, error) {
	for range steps {
		middle := math.Sqrt(low * high)
		ok, err := holds(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

func (r *runner) latency(ctx context.Context, s *server, rate float64, rows latencyRows) error {
	l, err := r.openLoop(ctx, s, rate, min(r.warm, time.Second), r.measure)
	if err != nil {
		return err
	}
	r.figures.add(rows.p50, s.kind, l.P50)
	r.figures.add(rows.p99, s.kind, l.P99)
	r.figures.add(rows.lag, s.kind, l.LagP99)
	return nil
}

// sameRate measures the latency of all servers at half of socket.io's maximum rate in this
// round, if socket.io is measured.
func sameRate(ctx context.Context, r *runner, k kind) error {
	if r.sameRate == 0 {
		return nil
	}
	return r.with(ctx, k, func(s *server) error {
		if _, err := r.openLoop(ctx, s, r.sameRate, 0, r.warm); err != nil { // a new server is slower at first
			return err
		}
		return r.latency(ctx, s, r.sameRate, latencyRows{rowSameP50, rowSameP99, rowSameLag})
	})
}
