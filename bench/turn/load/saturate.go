//go:build linux

package main

import (
	"encoding/json"
	"time"
)

const (
	// lossless is the share of packets that a rate may lose that a server is
	// said to carry.
	lossless = 0.001
	// precision is how near the highest rate is looked for.
	precision    = 0.05
	longestProbe = 500 * time.Millisecond
	// probes is how many of a rate must fail.
	probes = 3
	// overload is sent, in terms of the highest rate without loss.
	overload = 1.6
)

// saturate looks for the highest rate without loss, and tells the measurement
// at it, and one at overload.
func (o *options) saturate(l *loop, encoder *json.Encoder) error {
	during := min(o.measure, longestProbe)
	// What is lost to a pause of the machine is not lost every time.
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

// carried tells whether everything that was to be sent was sent, and next to
// nothing of it lost.
func (r *result) carried() bool {
	return r.loss() < lossless && float64(r.Sent) > 0.99*r.Rate*r.Seconds
}
