package signaling

import "slices"

// Rows of the table.
const (
	rowRelay        = "messages relayed and acknowledged per CPU second, window 2"
	rowRelay8       = "messages relayed and acknowledged per CPU second, window 8"
	rowMaximum      = "messages relayed and acknowledged per second, window 2"
	rowShare        = "processor that the server got in it, %"
	rowP50          = "latency at half of the maximum, p50, µs"
	rowP99          = "latency at half of the maximum, p99, µs"
	rowLag          = "lag of the generator in it, p99, µs"
	rowReading      = "latency beside rooms whose receivers read, p99, µs"
	rowSlow         = "latency beside rooms whose receivers read one byte a second, p99, µs"
	rowSlowRefused  = "messages to the slow that were refused"
	rowSlowMemory   = "resident memory at most with the slow, MiB"
	rowFloodServed  = "flood of %s: messages of others that were relayed, %%"
	rowFloodP99     = "flood of %s: p99 of others, µs"
	rowFloodMemory  = "flood of %s: resident memory at most, MiB"
	rowFloodRefused = "flood of %s: refused"
	rowJoins        = "cycles of connect, join, leave, close per CPU second, 64 at a time"
	rowIdle         = "resident memory of an idle joined connection, KiB"
	rowStorm        = "all joined that arrived at once, s"
	rowStormMemory  = "resident memory at most in it, MiB"
	rowResume       = "all back at once after SIGKILL and a new start, s"
	rowResumed      = "of them under the peer id from before"
)

// series is the figures of one server in one row, one for each round.
type series struct {
	Row    string    `json:"row"`
	Server string    `json:"server"`
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
}

// figures are in the order in which they were first measured.
type figures struct {
	rows   []string
	series map[string][]*series // by row
}

func newFigures() *figures { return &figures{series: make(map[string][]*series)} }

func (f *figures) add(row string, k kind, value float64) {
	of := f.series[row]
	if of == nil {
		f.rows = append(f.rows, row)
	}
	at := slices.IndexFunc(of, func(s *series) bool { return s.Server == k.label })
	if at < 0 {
		at = len(of)
		f.series[row] = append(of, &series{Row: row, Server: k.label})
	}
	s := f.series[row][at]
	s.Rounds = append(s.Rounds, value)
	s.Median = median(s.Rounds)
}

// get returns the median of a server in a row; false when it was not measured.
func (f *figures) get(row, server string) (float64, bool) {
	for _, s := range f.series[row] {
		if s.Server == server {
			return s.Median, true
		}
	}
	return 0, false
}

// least returns the smallest median in a row.
func (f *figures) least(row string) (least float64, ok bool) {
	for _, s := range f.series[row] {
		if !ok || s.Median < least {
			least, ok = s.Median, true
		}
	}
	return least, ok
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
