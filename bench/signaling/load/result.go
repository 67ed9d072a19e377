//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is what a run prints, as one line of JSON. Times of latency and lag
// are in microseconds.
type result struct {
	Messages int     `json:"messages,omitempty"` // delivered and acknowledged
	Cycles   int     `json:"cycles,omitempty"`   // joined and left
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu"` // seconds that the server used

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

// percentile is the smallest measurement that at least p percent do not
// exceed. It sorts series.
func percentile(series []time.Duration, p int) time.Duration {
	if len(series) == 0 {
		return 0
	}
	slices.Sort(series)
	return series[max(0, (len(series)*p+99)/100-1)]
}

// cpu is the process of the server; 0 = none is measured.
type cpu int

// used returns what the process has used of the processor, in its threads and
// in the kernel on their behalf (utime and stime of proc_pid_stat(5), in ticks
// of 10 ms).
func (c cpu) used() (time.Duration, error) {
	if c == 0 {
		return 0, nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c)) //nolint:gosec // G703: of a number
	if err != nil {
		return 0, err
	}
	// The second field is the name, in parentheses, and may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", c, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}
