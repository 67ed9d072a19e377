package peer

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

// JUnit returns the report in the format that CI systems read: a suite with a case for the
// call itself, which fails unless the call was good, one for each expectation, and the
// report in JSON as what was printed.
func (r *Report) JUnit() ([]byte, error) {
	text, err := r.MarshalIndent()
	if err != nil {
		return nil, err
	}
	suite := junit.Testsuite{
		Name: r.suiteName(), Time: seconds(r.TimelineMS.Hangup), SystemOut: &junit.Output{Data: inXML(string(text))},
	}
	suite.AddTestcase(r.callCase(suite.Name))
	for _, e := range r.Expect {
		suite.AddTestcase(e.testCase(suite.Name))
	}
	var all junit.Testsuites
	all.AddSuite(suite)
	out := bytes.NewBufferString(xml.Header)
	err = all.WriteXML(out)
	return out.Bytes(), err
}

// suiteName returns the name of the scenario, or else of the room.
func (r *Report) suiteName() string {
	if r.Scenario != nil {
		return *r.Scenario
	}
	return "callbox peer " + r.Peer.Room
}

// callCase says whether the call took place. An expectation that is not met is no fault of
// the call.
func (r *Report) callCase(suite string) junit.Testcase {
	c := junit.Testcase{Name: "call", Classname: suite, Time: seconds(r.TimelineMS.Hangup)}
	if r.ExitCode == Good || r.ExitCode == ExpectationFailed {
		return c
	}
	c.Error = &junit.Result{Message: r.Reason, Type: fmt.Sprintf("exit code %d", r.ExitCode)}
	for _, f := range r.Errors {
		c.Error.Data += inXML(fmt.Sprintf("%s, %s: %s\n", f.Stage, f.Code, f.Hint))
	}
	return c
}

// testCase says whether the expectation was met.
func (e *ExpectationResult) testCase(suite string) junit.Testcase {
	c := junit.Testcase{Name: e.Expr, Classname: suite}
	if !e.OK {
		c.Failure = &junit.Result{Message: "the value is " + e.Value(), Type: "expectation"}
	}
	return c
}

// Value returns the actual value, or that it is not known.
func (e *ExpectationResult) Value() string {
	if e.Actual == nil {
		return "not known"
	}
	return *e.Actual
}

// seconds returns a time in milliseconds as seconds, 0 if it is not known.
func seconds(ms *int64) string {
	if ms == nil {
		return "0"
	}
	return fmt.Sprintf("%.3f", float64(*ms)/1000)
}

// inXML replaces what must not stand in XML 1.0, in a section that the encoder does not
// escape.
func inXML(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= ' ' && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
