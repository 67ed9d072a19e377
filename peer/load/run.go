package load

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer"
)

// run is one run of Run.
type run struct {
	cfg          Config
	room         string // the names of all rooms begin with it
	video        *peer.SharedPattern
	certificates [2][]webrtc.Certificate // of all first ends, and of all second ends
	gate         gate
	tally        *tally
}

// Run makes the calls and returns when all have ended. When ctx ends, so do the calls. The
// error wraps ErrConfig.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := &run{cfg: cfg.withDefaults(), room: "load-" + strings.ToLower(rand.Text()[:16]), tally: newTally()}
	if err := r.cfg.mayLoad(ctx); err != nil {
		return nil, err
	}
	var err error
	if r.video, err = peer.NewSharedPattern(r.cfg.Size, r.cfg.FPS); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for end := range r.certificates {
		if r.certificates[end], err = newCertificate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	calls, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.gate = gate{stop: stop, between: time.Duration(float64(time.Second) / r.cfg.PerSecond / 2)}

	m := &meter{tally: r.tally, pairs: r.cfg.Pairs}
	m.first = m.take(time.Now())
	metered, endMeter := context.WithCancel(context.WithoutCancel(ctx))
	var meters sync.WaitGroup
	meters.Go(func() { m.run(metered, r.cfg.Observe) })
	r.pairs(calls)
	end := m.take(time.Now())
	endMeter()
	meters.Wait()
	r.cfg.Observe(r.final(m, end))
	return r.report(ctx, m, end), nil
}

// pairs starts all pairs, as fast as the ramp says, and waits for them.
func (r *run) pairs(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	ramp := time.NewTicker(time.Duration(float64(time.Second) / r.cfg.PerSecond))
	defer ramp.Stop()
	for i := range r.cfg.Pairs {
		if r.gate.wait(ctx) != nil {
			return
		}
		r.tally.start()
		group.Go(func() { r.pair(ctx, i) })
		select {
		case <-ramp.C:
		case <-ctx.Done():
			return
		}
	}
}

// newCertificate makes the DTLS identity of one end of all pairs. The two ends of a pair
// never share one: they would not notice that they talk to themselves.
func newCertificate() ([]webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, err
	}
	return []webrtc.Certificate{*certificate}, nil
}

// final returns the last Progress.
func (r *run) final(m *meter, end sample) Progress {
	p := r.tally.progress()
	p.Elapsed, p.ResidentMB = end.at.Sub(m.first.at), float64(end.usage.Resident)/1e6
	if seconds := p.Elapsed.Seconds(); seconds > 0 {
		p.CPUPct = 100 * (end.usage.CPU - m.first.usage.CPU).Seconds() / seconds
	}
	return p
}

func (r *run) report(ctx context.Context, m *meter, end sample) *Report {
	report := &Report{Schema: Schema, Pairs: Pairs{Wanted: r.cfg.Pairs}, Cost: m.cost(end)}
	if r.cfg.RunID != "" {
		report.RunID = &r.cfg.RunID
	}
	if r.cfg.Version != "" {
		report.Version = &r.cfg.Version
	}
	report.fill(r.tally)
	r.gate.mu.Lock()
	report.Refusals = r.gate.refusals
	r.gate.mu.Unlock()
	met := true
	for _, e := range r.cfg.Expect {
		result := e.Evaluate(report)
		report.Expect = append(report.Expect, result)
		met = met && result.OK
	}
	stopped := r.gate.stopped()
	switch {
	case ctx.Err() != nil:
		report.ExitCode, report.Reason = peer.Interrupted, "stopped before all calls were over"
	case stopped != nil:
		report.ExitCode, report.Reason = peer.NotJoined, stopped.Error()
	case !met:
		report.ExitCode, report.Reason = peer.ExpectationFailed, "not every expectation was met"
	case len(r.cfg.Expect) == 0 && report.Pairs.Good < r.cfg.Pairs:
		report.ExitCode = peer.ExpectationFailed
		report.Reason = fmt.Sprintf("%d of %d pairs were not good", r.cfg.Pairs-report.Pairs.Good, r.cfg.Pairs)
	default:
		report.ExitCode, report.Reason = peer.Good, fmt.Sprintf("%d of %d pairs were good", report.Pairs.Good, r.cfg.Pairs)
	}
	report.Result = report.ExitCode.Result()
	return report
}
