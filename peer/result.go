package peer

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"
)

// report returns the report of the call at its end.
func (c *Call) report() *Report {
	c.timeline.hangup = c.outcome.at
	r := newReport(&c.cfg)
	r.TimelineMS = c.timeline.since(c.start)
	r.Peer.Room = c.signal.seat.Room
	r.SafetyCode = c.safetyCode()
	if r.TimelineMS.DCOpen != nil || c.data.Recorded {
		data := c.data
		data.Pings = c.pings.figures.report(c.pings.pending)
		r.Data = &data
	}
	if c.partner != nil {
		r.Peer.Role = &c.partner.role
		if l := c.partner.link; l != nil {
			r.Path, r.Media = l.reportPath(c.start), l.reportMedia(c.outcome.at)
			r.Errors = append(r.Errors, l.reportFaults()...)
		}
	}
	for i := range r.Media {
		r.Media[i].LatencyMS = c.pings.figures.clock.latency(r.Media[i].latencies)
	}
	if audio := r.Received("audio"); audio != nil {
		r.Audio = estimateAudio(audio, r.Path)
	}
	if c.before != nil {
		r.Process = c.before.since()
	}
	r.Events, r.Errors = append(r.Events, c.trace...), append(r.Errors, c.failures...)
	return r
}

// complete adds to the report what is known only when everything is closed, and the result.
func (c *Call) complete(r *Report) {
	if c.partner != nil && c.partner.link != nil {
		r.Security = c.partner.link.security()
	}
	if c.before != nil {
		r.Process.GoroutinesLeft = c.before.left(1) // this one ends with the call
	}
	r.Impairment = c.impairment()
	r.setResult(&c.cfg, c.outcome.code, c.outcome.reason)
}

func newReport(cfg *Config) *Report {
	r := &Report{
		Schema: Schema, Tool: newTool(cfg.Version), Peer: Self{Room: cfg.Room},
		Events: []Moment{}, Errors: []Failure{},
	}
	if cfg.Name != "" {
		r.Peer.Name = &cfg.Name
	}
	if cfg.RunID != "" {
		r.RunID = &cfg.RunID
	}
	if cfg.Scenario != "" {
		r.Scenario = &cfg.Scenario
	}
	return r
}

// setResult evaluates the expectations and sets the result.
func (r *Report) setResult(cfg *Config, code ExitCode, reason string) {
	for _, e := range cfg.Expect {
		result := e.Evaluate(r)
		r.Expect = append(r.Expect, result)
		if !result.OK && code == Good {
			code, reason = ExpectationFailed, "not every expectation was met"
		}
	}
	r.ExitCode, r.Result, r.Reason = code, code.Result(), reason
}

// notJoinedReport returns the report of a call whose room could not be joined.
func notJoinedReport(ctx context.Context, cfg Config, start time.Time, err error) *Report {
	r := newReport(&cfg)
	t := timeline{hangup: time.Now()}
	r.TimelineMS = t.since(start)
	f, code := joining(err), NotJoined
	if ctx.Err() != nil {
		f, code = Failure{StageJoin, "interrupted", "stopped before the room was joined"}, Interrupted
	}
	r.Errors = []Failure{f}
	r.setResult(&cfg, code, f.Hint)
	return r
}

// maxShownName is the maximum length of a name in code points, as in the protocol.
const maxShownName = 64

// shownName makes the name of the other side safe to print on a terminal.
func shownName(name string) string {
	return cmp.Or(shown(name, maxShownName), "the other side")
}

// shown makes a text of the other side safe to print on a terminal.
func shown(text string, limit int) string {
	var kept []rune
	for _, r := range strings.TrimSpace(text) {
		if unicode.IsPrint(r) && len(kept) < limit {
			kept = append(kept, r)
		}
	}
	return string(kept)
}
