//go:build linux

package main

import (
	"fmt"
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

// measure sends at a rate, and counts after the warm-up.
func (l *loop) measure(pid int, rate float64, warm, during time.Duration) (*result, error) {
	l.latency.reset()
	l.lag.reset()
	l.tally = tally{latency: l.latency, lag: l.lag, wrong: l.wrong, since: 1 << 62}
	l.due = l.now()
	if err := l.run(rate, l.due+warm); err != nil {
		return nil, err
	}
	used, err := process.CPU(pid)
	if err != nil {
		return nil, err
	}
	l.due = l.now()
	began := l.due
	l.since, l.measuring = began, true
	if err := l.run(rate, began+during); err != nil {
		return nil, err
	}
	now, err := process.CPU(pid)
	if err != nil {
		return nil, err
	}
	took := l.now() - began
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
		Seconds: took.Seconds(), CPU: (now - used).Seconds(),
		P50: l.latency.percentile(50), P99: l.latency.percentile(99), LagP99: l.lag.percentile(99),
	}, nil
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
