//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"callbox/bench/process"
)

// result is the output of a measurement, as a line of JSON. Latency and lag are in
// microseconds.
type result struct {
	Rate       float64 `json:"rate"`      // the intended rate, in packets per second
	Sent       int     `json:"sent"`      // packets
	Refused    int     `json:"refused"`   // of those sent, by the kernel or by a full queue of this program
	Arrived    int     `json:"arrived"`   // during the measurement
	Delivered  int     `json:"delivered"` // of those sent
	Duplicates int     `json:"duplicates"`
	Overtaken  int     `json:"overtaken"` // arrived after a later one
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu"` // CPU seconds of the server
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
	LagP99     float64 `json:"lag_p99"` // how late this program sent
	Others     float64 `json:"others"`  // CPU time of other programs, in processors

	Allocations int `json:"allocations,omitempty"`
	Before      int `json:"before,omitempty"` // resident memory of the server, bytes
	After       int `json:"after,omitempty"`
}

// loss returns the share of sent packets that did not arrive.
func (r *result) loss() float64 {
	if r.Sent == 0 {
		return 0
	}
	return float64(r.Sent-r.Delivered) / float64(r.Sent)
}

// drainTime is how long to wait for the last packets, at most. When none has arrived for
// quietTime, there are no more.
const (
	drainTime = time.Second
	quietTime = 50 * time.Millisecond
)

// quiet is how much of a processor other programs may use during a measurement.
const quiet = 0.06

// measure sends at a rate, and counts after the warm-up. It repeats the measurement if other
// programs were busy, and returns the one with the least of that.
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
		return nil, fmt.Errorf("%d packets arrived changed, or at the wrong endpoint", l.wrong)
	}
	return &result{
		Rate: rate, Sent: l.sent, Refused: l.refused, Arrived: l.arrived, Delivered: l.delivered,
		Duplicates: l.duplicates, Overtaken: l.overtaken,
		Seconds: took.Seconds(), CPU: (after.server - before.server).Seconds(), Others: after.others(before) / took.Seconds(),
		P50: l.latency.percentile(50), P99: l.latency.percentile(99), LagP99: l.lag.percentile(99),
	}, nil
}

// usage is the CPU time of the server, this program and the whole machine so far.
type usage struct{ server, self, all time.Duration }

func readUsage(pid int) (u usage, err error) {
	var faults [3]error
	u.server, faults[0] = process.CPU(pid)
	u.self, faults[1] = process.CPU(os.Getpid())
	u.all, faults[2] = process.AllCPU()
	return u, errors.Join(faults[:]...)
}

// others returns the CPU time since before that neither the server nor this program has
// used, in seconds.
func (u *usage) others(before usage) float64 {
	return max(0, ((u.all - before.all) - (u.server - before.server) - (u.self - before.self)).Seconds())
}

// drain receives the last packets.
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
