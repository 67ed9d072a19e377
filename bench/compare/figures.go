// Package compare records the figures of several servers, round by round, compares
// them with targets, and writes them as text, Markdown or JSON.
package compare

import (
	"fmt"
	"slices"
	"strings"
)

// Series holds the figures of one server in one row, one for each round.
type Series struct {
	Row    string    `json:"row"`
	Server string    `json:"server"`
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
}

// Figures are in the order in which they were first measured.
type Figures struct {
	rows   []string
	series map[string][]*Series // by row
}

// NewFigures returns an empty Figures.
func NewFigures() *Figures { return &Figures{series: make(map[string][]*Series)} }

// Add adds the figure of a server in a row, once for each round.
func (f *Figures) Add(row, server string, value float64) {
	of := f.series[row]
	if of == nil {
		f.rows = append(f.rows, row)
	}
	at := slices.IndexFunc(of, func(s *Series) bool { return s.Server == server })
	if at < 0 {
		at = len(of)
		f.series[row] = append(of, &Series{Row: row, Server: server})
	}
	s := f.series[row][at]
	s.Rounds = append(s.Rounds, value)
	s.Median = median(s.Rounds)
}

// Get returns the median of a server in a row; false = it was not measured.
func (f *Figures) Get(row, server string) (float64, bool) {
	for _, s := range f.series[row] {
		if s.Server == server {
			return s.Median, true
		}
	}
	return 0, false
}

// Least returns the smallest median in a row.
func (f *Figures) Least(row string) (least float64, ok bool) {
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

// Choose returns the comma-separated names in text, in the order of all, or all if text
// is empty. It returns an error that names the flag if a name is unknown.
func Choose(flag, text string, all []string) ([]string, error) {
	if text == "" {
		return all, nil
	}
	chosen := strings.Split(text, ",")
	for _, name := range chosen {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%s: unknown name %q; use %s", flag, name, strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !slices.Contains(chosen, name) }), nil
}
