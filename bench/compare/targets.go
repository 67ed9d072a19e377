package compare

import (
	"cmp"
	"strings"
)

// Target is a figure that a server should reach in a row, absolutely or compared with
// other figures.
type Target struct {
	Row     string
	Server  string   // the server that should reach it
	Against []string // other servers: the target is a multiple of the best of them
	Beside  string   // another row to compare with, of the same server if Against is empty
	Limit   float64
	Floor   float64 // what the server must reach at least; 0 = no such limit
	Most    bool    // Limit and Floor are upper limits, not lower ones
	Excess  bool    // the limit is on the difference to the best, not on the ratio
}

// Verdict is the result of comparing figures with a target.
type Verdict struct {
	Target   string  `json:"target"`
	Limit    float64 `json:"limit"`
	Floor    float64 `json:"floor,omitempty"`
	Most     bool    `json:"most"` // Limit and Floor are upper limits, not lower ones
	Measured float64 `json:"measured"`
	Reached  bool    `json:"reached"`
	Held     bool    `json:"held"` // the floor is reached
}

func (v *Verdict) limit() string {
	sign := ">= "
	if v.Most {
		sign = "<= "
	}
	if v.Floor == 0 {
		return sign + number(v.Limit)
	}
	return sign + number(v.Limit) + " (floor " + number(v.Floor) + ")"
}

func (v *Verdict) word() string {
	switch {
	case v.Reached:
		return "reached"
	case v.Floor != 0 && v.Held:
		return "missed, above the floor"
	}
	return "MISSED"
}

// Judge compares the medians with targets. It leaves out targets without a figure.
func (f *Figures) Judge(targets []Target) (verdicts []Verdict) {
	for _, t := range targets {
		measured, ok := f.Get(t.Row, t.Server)
		if !ok {
			continue
		}
		name := t.Row
		switch {
		case len(t.Against) > 0:
			other, server, ok := f.best(cmp.Or(t.Beside, t.Row), t.Against, t.Most)
			if !ok || other == 0 && !t.Excess {
				continue
			}
			if t.Excess {
				measured -= other
				name += ", more than " + server
				break
			}
			measured /= other
			name += ", × " + server
		case t.Beside != "":
			other, ok := f.Get(t.Beside, t.Server)
			if !ok || other == 0 {
				continue
			}
			measured /= other
			name += ", × " + t.Beside
		}
		if t.Server != "callbox" {
			name = strings.TrimPrefix(t.Server, "callbox, ") + ": " + name
		}
		reaches := func(limit float64) bool { return measured == limit || t.Most == (measured < limit) }
		verdicts = append(verdicts, Verdict{
			Target: name, Limit: t.Limit, Floor: t.Floor, Most: t.Most,
			Measured: measured, Reached: reaches(t.Limit), Held: t.Floor == 0 || reaches(t.Floor),
		})
	}
	return verdicts
}

// best returns the server with the best median in a row: the largest, or the smallest
// where less is better.
func (f *Figures) best(row string, servers []string, less bool) (value float64, server string, ok bool) {
	for _, name := range servers {
		v, measured := f.Get(row, name)
		if measured && (!ok || less == (v < value)) {
			value, server, ok = v, name, true
		}
	}
	return value, server, ok
}
