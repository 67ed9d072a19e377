package scenario

import (
	"bytes"
	"encoding/xml"
	"fmt"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"callbox/peer"
)

// JUnit returns the report in the format that CI systems read: a suite with a case for each
// step, for each call, and for each expectation of a peer.
func (r *Report) JUnit() ([]byte, error) {
	suite := junit.Testsuite{Name: r.Scenario}
	for _, s := range r.Steps {
		suite.AddTestcase(s.testCase(r))
	}
	for _, e := range r.ends {
		suite.AddTestcase(e.testCase(r))
		for _, result := range e.report.Expect {
			c := junit.Testcase{Name: e.part.name + ": " + result.Expr, Classname: r.Scenario}
			if !result.OK {
				c.Failure = &junit.Result{Message: "the value is " + result.Value(), Type: "expectation"}
			}
			suite.AddTestcase(c)
		}
	}
	var all junit.Testsuites
	all.AddSuite(suite)
	out := bytes.NewBufferString(xml.Header)
	err := all.WriteXML(out)
	return out.Bytes(), err
}

func (s *StepResult) testCase(r *Report) junit.Testcase {
	c := junit.Testcase{Name: fmt.Sprintf("line %d: %s", s.Line, s.Step), Classname: r.Scenario}
	switch {
	case s.OK == nil:
		c.Skipped = &junit.Result{Message: "a step before it failed"}
	case s.Error != nil:
		c.Failure = &junit.Result{Message: *s.Error, Type: "step"}
	}
	if s.TookMS != nil {
		c.Time = fmt.Sprintf("%.3f", float64(*s.TookMS)/1000)
	}
	return c
}

// testCase says whether the call ended as it should. An expectation that is not met has a
// case of its own.
func (e *end) testCase(r *Report) junit.Testcase {
	c := junit.Testcase{Name: e.part.name + ": call", Classname: r.Scenario}
	if code := e.report.ExitCode; code != e.part.exitCode && code != peer.ExpectationFailed {
		c.Error = &junit.Result{Message: e.report.Reason, Type: fmt.Sprintf("exit code %d", code)}
	}
	return c
}
