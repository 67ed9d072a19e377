//go:build linux

package main

import (
	"errors"
	"slices"
	"time"

	"callbox/bench/process"
)

// result is the output of a run, as one line of JSON. Latency and lag are in microseconds.
type result struct {
	Messages int     `json:"messages,omitempty"` // delivered and acknowledged
	Cycles   int     `json:"cycles,omitempty"`   // joined and left
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu"` // CPU seconds of the server

	P50    float64 `json:"p50,omitempty"`
	P99    float64 `json:"p99,omitempty"`
	LagP99 float64 `json:"lag_p99,omitempty"` // how late the generator sent
	LagMax float64 `json:"lag_max,omitempty"`

	Joined  int `json:"joined,omitempty"`
	Resumed int `json:"resumed,omitempty"`
	Refused int `json:"refused,omitempty"`
	Closed  int `json:"closed,omitempty"`

	err error
}

func (r *result) fail(err error) { r.err = errors.Join(r.err, err) }

func (r *result) latencies(latency, lag []time.Duration) {
	r.P50, r.P99 = micros(percentile(latency, 50)), micros(percentile(latency, 99))
	r.LagP99, r.LagMax = micros(percentile(lag, 99)), micros(percentile(lag, 100))
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// percentile returns the smallest measurement that at least p percent do not exceed. It
// sorts series.
func percentile(series []time.Duration, p int) time.Duration {
	if len(series) == 0 {
		return 0
	}
	slices.Sort(series)
	return series[max(0, (len(series)*p+99)/100-1)]
}

// cpu is the process id of the server; 0 = CPU time is not measured.
type cpu int

// used returns the CPU time of the process.
func (c cpu) used() (time.Duration, error) {
	if c == 0 {
		return 0, nil
	}
	return process.CPU(int(c))
}
