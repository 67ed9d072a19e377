//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"callbox/bench/process"
)

// result is what one measurement prints, as a line of JSON. Times of latency
// and lag are in microseconds.
type result struct {
	Rate       float64 `json:"rate"`      // packets a second that were to be sent
	Sent       int     `json:"sent"`      // packets
	Refused    int     `json:"refused"`   // of them, by the kernel or a full queue on this side
	Arrived    int     `json:"arrived"`   // while it was measured
	Delivered  int     `json:"delivered"` // of those that were sent
	Duplicates int     `json:"duplicates"`
	Overtaken  int     `json:"overtaken"` // came after a later one
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu"` // seconds that the server used
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
	LagP99     float64 `json:"lag_p99"` // how late this program sent
	Others     float64 `json:"others"`  // share of a processor that neither side used

	Allocations int `json:"allocations,omitempty"`
	Before      int `json:"before,omitempty"` // resident memory of the server, bytes
	After       int `json:"after,omitempty"`
}

// loss is the share of what was sent that did not come.
func (r *result) loss() float64 {
	if r.Sent == 0 {
		return 0
	}
	return float64(r.Sent-r.Delivered) / float64(r.Sent)
}

// drainTime is how long the last packets are waited for at most, and
// quietTime how long none has come when there are no more.
const (
	drainTime = time.Second
	quietTime = 50 * time.Millisecond
)

// quiet is how much of a processor others may use while something is measured.
const quiet = 0.06

// measure sends at a rate, and counts after the warm-up. It tries again when
// other programs were busy meanwhile, and returns the quietest.
func (l *loop) measure(pid int, rate float64, warm, during time.Duration) (best *result, err error) {
	for range max(1, l.tries) {
		r, err := l.once(pid, rate, warm, during)
		if err != nil {
			return nil, err
		}
		if best == nil || r.Others < best.Others {
			best = r
		}
		if best.Others < quiet {
			break
		}
	}
	return best, nil
}

func (l *loop) once(pid int, rate float64, warm, during time.Duration) (*result, error) {
	l.latency.reset()
	l.lag.reset()
	l.tally = tally{latency: l.latency, lag: l.lag, wrong: l.wrong, since: 1 << 62}
	l.due = l.now()
	if err := l.run(rate, l.due+warm); err != nil {
		return nil, err
	}
	before, err := readUsage(pid)
	if err != nil {
		return nil, err
	}
	l.due = l.now()
	began := l.due
	l.since, l.measuring = began, true
	if err := l.run(rate, began+during); err != nil {
		return nil, err
	}
	took := l.now() - began
	after, err := readUsage(pid)
	if err != nil {
		return nil, err
	}
	l.measuring = false
	if err := l.drain(); err != nil {
		return nil, err
	}
	if l.wrong > 0 {
		return nil, fmt.Errorf("%d packets came back changed, or to somebody else", l.wrong)
	}
	return &result{
		Rate: rate, Sent: l.sent, Refused: l.refused, Arrived: l.arrived, Delivered: l.delivered,
		Duplicates: l.duplicates, Overtaken: l.overtaken,
		Seconds: took.Seconds(), CPU: (after.server - before.server).Seconds(), Others: after.others(before) / took.Seconds(),
		P50: l.latency.percentile(50), P99: l.latency.percentile(99), LagP99: l.lag.percentile(99),
	}, nil
}

// usage is what all have used of the processors so far.
type usage struct{ server, self, all time.Duration }

func readUsage(pid int) (u usage, err error) {
	var faults [3]error
	u.server, faults[0] = process.CPU(pid)
	u.self, faults[1] = process.CPU(os.Getpid())
	u.all, faults[2] = process.AllCPU()
	return u, errors.Join(faults[:]...)
}

// others is what neither the server nor this program used since before, in
// seconds.
func (u *usage) others(before usage) float64 {
	return max(0, ((u.all - before.all) - (u.server - before.server) - (u.self - before.self)).Seconds())
}

// drain receives what is still on its way.
func (l *loop) drain() error {
	began := l.now()
	for last, seen := began, l.delivered; l.now()-last < quietTime && l.now()-began < drainTime; {
		if err := l.look(time.Millisecond); err != nil {
			return err
		}
		if l.delivered > seen {
			last, seen = l.now(), l.delivered
		}
	}
	return nil
}
