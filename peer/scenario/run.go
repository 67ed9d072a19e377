package scenario

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"callbox/peer"
)

// Options say how to run a scenario.
type Options struct {
	Server  string // in place of Scenario.Server; "" = that one
	Token   string // for peers without a token of their own; may be empty
	TLS     *tls.Config
	RunID   string // stands in the reports; "" = null
	Version string // of the program, for the reports
	// Change may change the configuration of a peer before each join; it may be nil.
	Change func(name string, cfg *peer.Config)
	// Observe is called with each event of a call, from the call's goroutine; it may be nil.
	// It must not block.
	Observe func(peer string, e peer.Event)
	// Step is called after each step; it may be nil.
	Step   func(StepResult)
	Logger *slog.Logger // nil = discard
}

// ErrNoServer is the error of a scenario that names no server, without Options.Server.
var ErrNoServer = errors.New("neither the scenario nor the options name a server")

// runner is one run of a scenario.
type runner struct {
	scenario *Scenario
	options  Options
	server   string
	rooms    map[*room]string // their names on the server
	members  map[*part]*member
	order    []*member
	current  *StepResult
	report   *Report
}

// Run takes the steps, one after the other, until one fails, hangs up whoever is still in a
// call, and returns what happened. When ctx ends, so do the calls. The error is ErrNoServer.
func (s *Scenario) Run(ctx context.Context, o Options) (*Report, error) {
	r := &runner{scenario: s, options: o, server: o.Server, rooms: make(map[*room]string), members: make(map[*part]*member)}
	if r.server == "" {
		r.server = s.Server
	}
	if r.server == "" {
		return nil, ErrNoServer
	}
	for _, room := range s.rooms {
		if r.rooms[room] = room.exact; room.exact == "" {
			r.rooms[room] = "scenario-" + strings.ToLower(rand.Text()[:16])
		}
	}
	for _, a := range s.parts {
		m := &member{part: a}
		r.members[a] = m
		r.order = append(r.order, m)
	}
	r.report = newReport(s, &o)
	err := r.takeSteps(ctx)
	for _, m := range r.order {
		_ = r.hangUp([]*part{m.part}) // there is nothing that can fail
	}
	r.report.conclude(ctx, err, r.ends())
	return r.report, nil
}

// takeSteps returns why a step failed.
func (r *runner) takeSteps(ctx context.Context) error {
	for _, s := range r.scenario.steps {
		start := time.Now()
		result := StepResult{Line: s.line, Step: s.text}
		r.current = &result
		err := s.act(ctx, r)
		took, ok := time.Since(start).Milliseconds(), err == nil
		result.TookMS, result.OK = &took, &ok
		if err != nil {
			text := err.Error()
			result.Error = &text
		}
		r.report.Steps[r.report.taken] = result
		r.report.taken++
		if r.options.Step != nil {
			r.options.Step(result)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", r.scenario.file, s.line, s.text, err)
		}
	}
	return nil
}

// config returns the configuration of a member's next call.
func (r *runner) config(m *member) (peer.Config, error) {
	cfg := m.part.config
	var err error
	if cfg.Video, cfg.Audio, err = m.part.media.sources(); err != nil {
		return cfg, err
	}
	cfg.Server, cfg.Room, cfg.TLS, cfg.DialServer = r.server, r.rooms[m.part.room], r.options.TLS, m.gate.dial
	if cfg.Token = m.part.token; cfg.Token == "" {
		cfg.Token = r.options.Token
	}
	cfg.Scenario, cfg.RunID, cfg.Version, cfg.Logger = r.scenario.Name, r.options.RunID, r.options.Version, r.options.Logger
	m.frames.Store(0)
	cfg.Sink = peer.SinkFunc(func(f peer.ReceivedFrame) {
		if f.Codec.Kind() == "video" {
			m.frames.Add(1)
		}
	})
	if r.options.Observe != nil {
		cfg.Observe = func(e peer.Event) { r.options.Observe(m.part.name, e) }
	}
	if r.options.Change != nil {
		r.options.Change(m.part.name, &cfg)
	}
	return cfg, nil
}

// ended keeps the report of a call that has ended.
func (r *runner) ended(m *member, report *peer.Report) {
	m.report = report
	r.report.Calls = append(r.report.Calls, report)
	r.report.ends = append(r.report.ends, end{m.part, report})
}

// ends returns the first call that has not ended as it should; nil = all have.
func (r *runner) ends() *end {
	for i := range r.report.ends {
		if e := &r.report.ends[i]; e.report.ExitCode != e.part.exitCode {
			return e
		}
	}
	return nil
}
