package peer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expectation is one condition on a report, such as frames>=95%.
type Expectation struct {
	text   string
	metric *metric
	op     string
	limit  float64 // in the metric's unit
	word   string  // of a metric that has words
}

// ExpectationResult says whether a report meets an expectation.
type ExpectationResult struct {
	Expr   string  `json:"expr"`
	Actual *string `json:"actual"` // in the notation of the expression; null = unknown
	OK     bool    `json:"ok"`     // false if the actual value is unknown
}

// maxExpectations is the most that ParseExpectations accepts.
const maxExpectations = 64

// metric is a value in a report that an expectation can name. Either words or parse
// is set.
type metric struct {
	name   string
	words  []string
	parse  func(string) (float64, error)
	format func(float64) string
	number func(*Report) (float64, bool)
	word   func(*Report) (string, bool)
}

func metrics() []*metric {
	return []*metric{
		{
			name: "path", words: []string{string(Direct), string(Relayed)},
			word: func(r *Report) (string, bool) {
				if r.Path == nil {
					return "", false
				}
				return string(r.Path.Type), true
			},
		},
		{
			name: "connect", parse: parseDuration,
			format: func(v float64) string { return time.Duration(v).String() },
			number: func(r *Report) (float64, bool) {
				d, ok := r.ConnectTime()
				return float64(d), ok
			},
		},
		{name: "frames", parse: parsePercent, format: formatPercent, number: receivedPercent},
		{name: "intact", parse: parsePercent, format: formatPercent, number: intactPercent},
	}
}

// ParseExpectations reads conditions separated by commas:
//
//	path=relay,connect<3s,frames>=95%,intact=100%
//
// The metrics are
//
//	path     direct or relay; only with =
//	connect  time from both being in the room to connected, such as 1.5s or 300ms
//	frames   received video frames, in percent of those that should have arrived
//	intact   received video frames that are correct in every byte, in percent
//
// and the operators are < <= = >= >. The error joins all faults.
func ParseExpectations(text string) ([]Expectation, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > maxExpectations {
		return nil, fmt.Errorf("%d expectations; at most %d can be given", len(parts), maxExpectations)
	}
	var (
		all    []Expectation
		faults []error
	)
	for _, part := range parts {
		e, err := parseExpectation(strings.TrimSpace(part))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, e)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return all, nil
}

func parseExpectation(text string) (Expectation, error) {
	at := strings.IndexAny(text, "<=>")
	if at < 0 {
		return Expectation{}, fmt.Errorf("expectation %q: write METRIC OPERATOR VALUE, for example frames>=95%%", text)
	}
	end := at + 1
	if end < len(text) && text[at] != '=' && text[end] == '=' {
		end++
	}
	e := Expectation{text: text, op: text[at:end]}
	name, value := strings.TrimSpace(text[:at]), strings.TrimSpace(text[end:])

	known := metrics()
	i := slices.IndexFunc(known, func(m *metric) bool { return m.name == name })
	if i < 0 {
		var names []string
		for _, m := range known {
			names = append(names, m.name)
		}
		return Expectation{}, fmt.Errorf("expectation %q: unknown metric %q; the metrics are %s", text, name, strings.Join(names, ", "))
	}
	e.metric = known[i]
	if e.metric.words != nil {
		return e.withWord(value)
	}
	limit, err := e.metric.parse(value)
	if err != nil {
		return Expectation{}, fmt.Errorf("expectation %q: %w", text, err)
	}
	e.limit = limit
	return e, nil
}

func (e Expectation) withWord(value string) (Expectation, error) {
	if e.op != "=" {
		return Expectation{}, fmt.Errorf("expectation %q: %s can only be compared with =", e.text, e.metric.name)
	}
	if !slices.Contains(e.metric.words, value) {
		return Expectation{}, fmt.Errorf("expectation %q: %s must be %s, not %q",
			e.text, e.metric.name, strings.Join(e.metric.words, " or "), value)
	}
	e.word = value
	return e, nil
}

// String returns the expression as it was written.
func (e Expectation) String() string { return e.text }

// Evaluate returns whether the report meets the expectation, and the actual value.
func (e Expectation) Evaluate(r *Report) ExpectationResult {
	result := ExpectationResult{Expr: e.text}
	if e.metric.words != nil {
		if actual, ok := e.metric.word(r); ok {
			result.Actual, result.OK = &actual, actual == e.word
		}
		return result
	}
	if actual, ok := e.metric.number(r); ok {
		text := e.metric.format(actual)
		result.Actual, result.OK = &text, compare(actual, e.op, e.limit)
	}
	return result
}

func compare(a float64, op string, b float64) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case "=":
		return a == b
	case ">=":
		return a >= b
	default:
		return a > b
	}
}

func parseDuration(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration; write for example 3s or 500ms", text)
	}
	return float64(d), nil
}

func parsePercent(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v >= 0 && v <= 100) {
		return 0, fmt.Errorf("%q is not a percentage from 0%% to 100%%", text)
	}
	return v, nil
}

// formatPercent rounds down, so that 99.999 is not shown as 100.
func formatPercent(v float64) string {
	return strconv.FormatFloat(math.Floor(v*100)/100, 'f', -1, 64) + "%"
}

func receivedPercent(r *Report) (float64, bool) {
	if m := r.Received("video"); m != nil && m.Frames != nil && m.Frames.ReceivedPct != nil {
		return *m.Frames.ReceivedPct, true
	}
	return 0, false
}

func intactPercent(r *Report) (float64, bool) {
	m := r.Received("video")
	if m == nil || m.Frames == nil || m.Frames.Intact == nil || *m.Frames.Received == 0 {
		return 0, false
	}
	return 100 * float64(*m.Frames.Intact) / float64(*m.Frames.Received), true
}
