package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"callbox/peer"
)

// Schema is the name and version of the format of a Report.
const Schema = "callbox/scenario-report/1"

// Report is the result of a run. In JSON every field is present; what is unknown is null.
type Report struct {
	Schema   string        `json:"schema"`
	Scenario string        `json:"scenario"`
	File     string        `json:"file"`
	RunID    *string       `json:"run_id"`
	Result   peer.Result   `json:"result"`
	ExitCode peer.ExitCode `json:"exit_code"`
	Reason   string        `json:"reason"`
	Steps    []StepResult  `json:"steps"` // all of the scenario
	// Calls are the reports of the calls, in the order in which they ended. Their
	// peer.name is the name in the scenario.
	Calls []*peer.Report `json:"calls"`

	taken int
	ends  []end
}

// StepResult is what became of a step. TookMS and OK are null if it was not taken.
type StepResult struct {
	Line   int        `json:"line"`
	Step   string     `json:"step"` // as in the file
	TookMS *int64     `json:"took_ms"`
	OK     *bool      `json:"ok"`
	Error  *string    `json:"error"`  // why it failed; null = it did not
	Expect []Expected `json:"expect"` // of a step expect; else null
}

// Expected is one expectation of a step.
type Expected struct {
	Peer string `json:"peer"`
	peer.ExpectationResult
}

// end is the end of a call.
type end struct {
	part   *part
	report *peer.Report
}

func newReport(s *Scenario, o *Options) *Report {
	r := &Report{Schema: Schema, Scenario: s.Name, File: s.file, Steps: make([]StepResult, len(s.steps)), Calls: []*peer.Report{}}
	if o.RunID != "" {
		r.RunID = &o.RunID
	}
	for i, step := range s.steps {
		r.Steps[i] = StepResult{Line: step.line, Step: step.text}
	}
	return r
}

// conclude sets the result. failed is why a step failed, and bad the first call that did not
// end as it should.
func (r *Report) conclude(ctx context.Context, failed error, bad *end) {
	ended, callEnded := errors.AsType[*peer.EndedError](failed)
	switch {
	case ctx.Err() != nil:
		r.ExitCode, r.Reason = peer.Interrupted, "stopped before the scenario was over"
	case callEnded && ended.Code != peer.Good:
		r.ExitCode, r.Reason = ended.Code, failed.Error()
	case failed != nil:
		r.ExitCode, r.Reason = peer.ExpectationFailed, failed.Error()
	case bad != nil && bad.report.ExitCode != peer.Good:
		r.ExitCode, r.Reason = bad.report.ExitCode, bad.part.name+": "+bad.reason()
	case bad != nil:
		r.ExitCode = peer.ExpectationFailed
		r.Reason = fmt.Sprintf("%s: the call was good, and exit code %d was expected", bad.part.name, bad.part.exitCode)
	default:
		r.ExitCode, r.Reason = peer.Good, fmt.Sprintf("all %d steps were taken", len(r.Steps))
	}
	r.Result = r.ExitCode.Result()
}

// reason says why the call did not end as it should.
func (e *end) reason() string {
	if e.report.ExitCode != peer.ExpectationFailed {
		return e.report.Reason
	}
	return notMet(e.report.Expect)
}

// notMet says which expectations are not met.
func notMet(results []peer.ExpectationResult) string {
	var all []string
	for _, result := range results {
		if !result.OK {
			all = append(all, fmt.Sprintf("%s is not met, the value is %s", result.Expr, result.Value()))
		}
	}
	return strings.Join(all, "; ")
}

// MarshalIndent returns the report as JSON for people and programs.
func (r *Report) MarshalIndent() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(r)
	return out.Bytes(), err
}
