//go:build linux

package main

import "time"

// histogram counts durations up to a second, with a resolution of a microsecond.
type histogram struct {
	counts [1_000_001]uint32
	total  int
}

func (h *histogram) add(d time.Duration) {
	h.counts[min(max(d.Microseconds(), 0), int64(len(h.counts)-1))]++
	h.total++
}

func (h *histogram) reset() { *h = histogram{} }

// percentile returns the smallest duration, in microseconds, that at least p percent do not
// exceed.
func (h *histogram) percentile(p float64) float64 {
	wanted := int(float64(h.total)*p/100 + 0.999999)
	for at, n := range h.counts {
		if wanted -= int(n); wanted <= 0 {
			return float64(at)
		}
	}
	return float64(len(h.counts) - 1)
}
