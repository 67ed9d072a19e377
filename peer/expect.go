package peer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Expectation is one condition on a report, such as video.recv.loss_pct<1%.
type Expectation struct {
	text    string
	subject *subject
	op      string
	number  float64 // in the subject's unit, if it is a number
	word    string  // otherwise
}

// ExpectationResult says whether a report meets an expectation.
type ExpectationResult struct {
	Expr   string  `json:"expr"`
	Actual *string `json:"actual"` // in the notation of the expression; null = not known
	OK     bool    `json:"ok"`     // false if the actual value is not known
}

// maxExpectations is the most that ParseExpectations accepts.
const maxExpectations = 64

// ParseExpectations reads conditions separated by commas:
//
//	path=relay,connect<3s,frames>=95%,video.recv.jitter_ms.p95<30ms
//
// Each names something in the report by its path in JSON, compares it with one of
// < <= = >= >, and has a value with a unit, if the name has one: 30ms, 1.5s, 99%, 500kbps,
// 2Mbps, 40MB, 1kHz. Where the name says the unit (_ms, _pct, kbps), it may be left out.
// Words, such as path.type or video.recv.codec, and true or false can only be compared
// with =. An element of a list is named by its number, from 0, and media also by their
// kind and direction: video.recv.fps is that of the first video received.
//
// Some have short names:
//
//	path     path.type: direct or relay
//	connect  time from both being in the room to connected
//	frames   received video frames, in percent of those that should have arrived
//	intact   received video frames that are correct in every byte, in percent
//	loss     lost packets of what is received, in percent; of audio and video the larger
//	rtt      path.rtt_ms, for example rtt.p95
//	mos      audio_quality.mos_estimate
//
// The error joins all faults. For a name that does not exist it says which is the nearest.
func ParseExpectations(text string) ([]Expectation, error) {
	return ParseExpectationsOf(&Report{}, text)
}

// ParseExpectationsOf is like ParseExpectations, for another report: a pointer to a struct
// whose fields have names in JSON. Only a *Report has short names, and media with a kind and
// a direction.
func ParseExpectationsOf(report any, text string) ([]Expectation, error) {
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
		e, err := parseExpectation(report, strings.TrimSpace(part))
		if err != nil {
			faults = append(faults, fmt.Errorf("expectation %q: %w", strings.TrimSpace(part), err))
			continue
		}
		all = append(all, e)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return all, nil
}

func parseExpectation(report any, text string) (Expectation, error) {
	at := strings.IndexAny(text, "<=>")
	if at < 0 {
		return Expectation{}, errors.New("write NAME OPERATOR VALUE, for example frames>=95%")
	}
	end := at + 1
	if end < len(text) && text[at] != '=' && text[end] == '=' {
		end++
	}
	e := Expectation{text: text, op: text[at:end]}
	name, value := strings.TrimSpace(text[:at]), strings.TrimSpace(text[end:])
	var err error
	if e.subject, err = subjectOf(report, name); err != nil {
		return Expectation{}, err
	}
	if e.subject.unit == nil {
		return e.withWord(value)
	}
	e.number, err = e.subject.unit.parse(value)
	if err != nil {
		return Expectation{}, err
	}
	return e, nil
}

func (e Expectation) withWord(value string) (Expectation, error) {
	s := e.subject
	if e.op != "=" {
		return Expectation{}, fmt.Errorf("%s can only be compared with =", s.name)
	}
	if s.words != nil && !slices.Contains(s.words, value) {
		return Expectation{}, fmt.Errorf("%s must be %s, not %q", s.name, strings.Join(s.words, " or "), value)
	}
	if value == "" {
		return Expectation{}, errors.New("there is no value after =")
	}
	e.word = value
	return e, nil
}

// String returns the expression as it was written.
func (e Expectation) String() string { return e.text }

// Evaluate returns whether the report meets the expectation, and the actual value. r must
// have the type for which the expectation was parsed.
func (e Expectation) Evaluate(r any) ExpectationResult {
	result := ExpectationResult{Expr: e.text}
	if e.subject.unit == nil {
		if actual, ok := e.subject.word(r); ok {
			result.Actual, result.OK = &actual, actual == e.word
		}
		return result
	}
	if actual, ok := e.subject.number(r); ok {
		text := e.subject.unit.format(actual)
		result.Actual, result.OK = &text, compare(actual, e.op, e.number)
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
