//go:build linux

package main

import (
	"encoding/json"
	"time"
)

const (
	// lossless is the share of packets that may be lost at a rate that counts as without
	// loss.
	lossless = 0.001
	// precision is the relative precision of the search for the highest rate.
	precision    = 0.05
	longestProbe = 500 * time.Millisecond
	// probes is how many measurements at a rate must fail.
	probes = 3
	// overload is the rate of the last measurement, as a multiple of the highest rate without
	// loss.
	overload = 1.6
)

// saturate searches the highest rate without loss. It prints the measurement at that rate,
// and one at overload.
func (o *options) saturate(l *loop, encoder *json.Encoder) error {
	during := min(o.measure, longestProbe)
	// A loss because of a pause of the machine does not happen every time.
	probe := func(rate float64) (r *result, err error) {
		for range probes {
			if r, err = l.measure(o.pid, rate, during/4, during); err != nil || r.carried() {
				break
			}
		}
		return r, err
	}
	low, high := 0.0, o.search
	best, err := probe(high)
	if err != nil {
		return err
	}
	if best.carried() {
		low = high
	}
	for high-low > precision*high {
		rate := (low + high) / 2
		r, err := probe(rate)
		if err != nil {
			return err
		}
		if r.carried() {
			low, best = rate, r
			continue
		}
		high = rate
	}
	over, err := l.measure(o.pid, max(low, precision*o.search)*overload, o.warm, o.measure)
	if err != nil {
		return err
	}
	if err := encoder.Encode(best); err != nil {
		return err
	}
	return encoder.Encode(over)
}

// carried reports whether everything was sent, and almost nothing lost.
func (r *result) carried() bool {
	return r.loss() < lossless && float64(r.Sent) > 0.99*r.Rate*r.Seconds
}
