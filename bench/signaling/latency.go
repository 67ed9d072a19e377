package signaling

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// mostInRoom is how many messages a second go through one room at most, so that a
// pause of the machine does not leave 256 unconfirmed, where callbox takes no
// more.
const mostInRoom = 500

// oneAtATime is the median latency up to which messages count as sent one at a
// time, in microseconds. Beyond it most of them wait behind others, a read
// brings several, and what is measured is how a server handles many at once.
const oneAtATime = 1000

// searchRange is the ratio of the ends of the range in which a maximum is
// looked for.
const searchRange = 8

// latencyRows are where the figures of an open loop go.
type latencyRows struct{ p50, p99, lag string }

// openLoop has messages sent at a rate, evenly, in all rooms in turn. What the
// server uses of its processor is not asked: it may be too little to be told.
func (r *runner) openLoop(ctx context.Context, s *server, rate float64, warm, measure time.Duration) (*outcome, error) {
	return r.load(ctx, s, "-row", "relay", "-pid", "0", "-rooms", strconv.Itoa(r.rooms),
		"-rate", fmt.Sprintf("%.0f", min(rate, r.mostRate())), "-warm", warm.String(), "-for", measure.String())
}

func (r *runner) mostRate() float64 { return float64(r.rooms * mostInRoom) }

// latencies measures the latency at half of the open loop's own maximum, and at
// half of what the closed loop relayed.
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

// mostSingle looks for the highest rate at which messages are still handled one
// at a time, near what the closed loop relayed.
func (r *runner) mostSingle(ctx context.Context, s *server, closed float64) (float64, error) {
	top := min(1.5*closed, r.mostRate())
	return bisect(top/searchRange, top, r.steps, func(rate float64) (bool, error) {
		l, err := r.openLoop(ctx, s, rate, min(r.warm, time.Second/2), min(r.measure, time.Second))
		return err == nil && l.P50 <= oneAtATime, err
	})
}

// bisect returns the highest rate between low and high that holds, as far as so
// many steps can tell; low when none does.
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

// sameRate measures the latency of every server at the rate that is half of
// socket.io's maximum in this round. Without socket.io there is none.
func sameRate(ctx context.Context, r *runner, k kind) error {
	if r.sameRate == 0 {
		return nil
	}
	return r.with(ctx, k, func(s *server) error {
		if _, err := r.openLoop(ctx, s, r.sameRate, 0, r.warm); err != nil { // a server that has just started is slower
			return err
		}
		return r.latency(ctx, s, r.sameRate, latencyRows{rowSameP50, rowSameP99, rowSameLag})
	})
}
