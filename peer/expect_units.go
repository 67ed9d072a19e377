package peer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unit is the unit of a number in a report.
type unit struct {
	parse  func(string) (float64, error)
	format func(float64) string
}

// plainUnit is that of counts: no unit.
func plainUnit() *unit {
	return scaledUnit("", nil)
}

// timeUnit is one of time. step is what 1 stands for. If bare is true, a number without a
// unit is allowed.
func timeUnit(step time.Duration, bare bool) *unit {
	return &unit{
		parse: func(text string) (float64, error) {
			if v, err := parseNumber(text); bare && err == nil {
				return v, nil
			}
			d, err := time.ParseDuration(text)
			if err != nil || d < 0 {
				return 0, fmt.Errorf("%q is not a duration; write for example 3s or 500ms", text)
			}
			return float64(d) / float64(step), nil
		},
		format: func(v float64) string {
			return time.Duration(math.Round(v * float64(step))).Round(time.Microsecond).String()
		},
	}
}

// percentUnit is percent. If bare is true, the sign may be left out.
func percentUnit(bare bool) *unit {
	return &unit{
		parse: func(text string) (float64, error) {
			digits, ok := strings.CutSuffix(text, "%")
			v, err := parseNumber(digits)
			if !ok && !bare || err != nil || v > 100 {
				return 0, fmt.Errorf("%q is not a percentage from 0%% to 100%%", text)
			}
			return v, nil
		},
		format: func(v float64) string { // rounds down, so that 99.999 is not shown as 100
			return strconv.FormatFloat(math.Floor(v*100)/100, 'f', -1, 64) + "%"
		},
	}
}

// scaledUnit is a unit with multiples, which may be left out. factors are what each is in
// terms of base.
func scaledUnit(base string, factors map[string]float64) *unit {
	return &unit{
		parse: func(text string) (float64, error) {
			at := strings.LastIndexAny(text, "0123456789.") + 1
			v, err := parseNumber(strings.TrimSpace(text[:at]))
			suffix := strings.TrimSpace(text[at:])
			factor, ok := factors[suffix]
			if suffix == base || suffix == "" {
				factor, ok = 1, true
			}
			if err != nil || !ok {
				if base == "" {
					return 0, fmt.Errorf("%q is not a number; it has no unit here", text)
				}
				return 0, fmt.Errorf("%q is not a number of %s; write for example 1%s", text, base, base)
			}
			return v * factor, nil
		},
		format: func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + base },
	}
}

// parseNumber reads a number that is not negative.
func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) || math.IsInf(v, 0) || strings.ContainsAny(text, "xXpP_") {
		return 0, strconv.ErrSyntax
	}
	return v, nil
}

// unitOf returns the unit of a number, which its name or one of those around it tells.
func unitOf(path []string) *unit {
	for i := len(path) - 1; i >= 0; i-- {
		switch name := path[i]; {
		case strings.HasSuffix(name, "_ms"):
			return timeUnit(time.Millisecond, true)
		case strings.HasSuffix(name, "_s"):
			return timeUnit(time.Second, true)
		case strings.HasSuffix(name, "_pct"):
			return percentUnit(true)
		case strings.HasSuffix(name, "_hz"):
			return scaledUnit("Hz", map[string]float64{"kHz": 1e3})
		case strings.HasSuffix(name, "_mb"):
			return scaledUnit("MB", map[string]float64{"kB": 1e-3, "GB": 1e3, "MiB": 1.048576})
		case name == "kbps":
			return scaledUnit("kbps", map[string]float64{"bps": 1e-3, "Mbps": 1e3})
		case name == "bytes":
			return scaledUnit("B", map[string]float64{"kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20})
		}
	}
	return plainUnit()
}
