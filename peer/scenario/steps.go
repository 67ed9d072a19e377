package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callbox/peer"
)

// pause waits for d. The error is the cause of the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// each calls f with the member of each part, within a time limit for all together; not
// says in words what has not happened when it is over.
func (r *runner) each(ctx context.Context, parts []*part, limit time.Duration, not string, f func(context.Context, *member) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s within %v", not, limit))
	defer cancel()
	for _, a := range parts {
		m := r.members[a]
		err := errNotInRoom
		if m.call != nil {
			err = f(ctx, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// join takes seats, one after the other. Only a peer that is meant to be refused may be.
func (r *runner) join(ctx context.Context, parts []*part) error {
	for _, a := range parts {
		m := r.members[a]
		cfg, err := r.config(m)
		if err != nil {
			return err
		}
		call, report, err := peer.TryJoin(ctx, cfg)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", a.name, err)
		case report != nil:
			r.ended(m, report)
			if report.ExitCode != a.exitCode {
				return fmt.Errorf("%s: %w", a.name, &peer.EndedError{Code: report.ExitCode, Reason: report.Reason})
			}
		default:
			m.call, m.seen, m.texts = call, 0, 0
		}
	}
	return nil
}

func (r *runner) call(ctx context.Context, parts, absent []*part) error {
	if err := r.join(ctx, absent); err != nil {
		return err
	}
	for _, a := range parts { // the connect timeout of each limits that
		m := r.members[a]
		if m.call == nil {
			return fmt.Errorf("%s: %w", a.name, errNotInRoom)
		}
		if err := m.call.WaitConnected(ctx); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// waitFrames waits until each has received n more frames.
func (r *runner) waitFrames(ctx context.Context, parts []*part, n int, limit time.Duration) error {
	before := make(map[*member]int)
	for _, a := range parts {
		before[r.members[a]] = int(r.members[a].frames.Load())
	}
	return r.each(ctx, parts, limit, fmt.Sprintf("not %d frames", n), func(ctx context.Context, m *member) error {
		return m.call.WaitFrames(ctx, before[m]+n)
	})
}

func (r *runner) waitEvent(ctx context.Context, parts []*part, kind peer.EventKind, limit time.Duration) error {
	return r.each(ctx, parts, limit, "no event "+string(kind), func(ctx context.Context, m *member) error {
		return m.await(ctx, &m.seen, func(e peer.Event) bool { return e.Kind == kind })
	})
}

func (r *runner) restartICE(ctx context.Context, parts []*part, limit time.Duration) error {
	return r.each(ctx, parts, limit, "ICE is not connected again", func(ctx context.Context, m *member) error {
		err := m.call.Restart(ctx)
		if errors.Is(err, peer.ErrNotCaller) {
			err = fmt.Errorf("%w: that is the one that was in the room first", err)
		}
		return err
	})
}

func (r *runner) mute(ctx context.Context, parts []*part, kinds []string, muted bool) error {
	return r.each(ctx, parts, defaultWithin, "no answer", func(ctx context.Context, m *member) error {
		for _, kind := range kinds {
			if err := m.call.Mute(ctx, kind, muted); err != nil {
				return err
			}
		}
		return nil
	})
}

// chat sends a text and waits until it has arrived.
func (r *runner) chat(ctx context.Context, from, to *part, text string, limit time.Duration) error {
	err := r.each(ctx, []*part{from}, limit, "not sent", func(_ context.Context, m *member) error { return m.call.Say(text) })
	if err != nil {
		return err
	}
	return r.each(ctx, []*part{to}, limit, "the text has not arrived", func(ctx context.Context, m *member) error {
		return m.await(ctx, &m.texts, func(e peer.Event) bool { return e.Kind == peer.EventText && e.Text == text })
	})
}

// hangUp ends the calls of parts, and waits until they have ended.
func (r *runner) hangUp(parts []*part) error {
	for _, a := range parts {
		m := r.members[a]
		if m.call == nil { // it was refused, as it should be
			continue
		}
		m.call.Hangup()
		r.ended(m, m.call.Wait())
		m.call = nil
	}
	return nil
}

// expect compares the report of a call, as it would be now, or of the last one.
func (r *runner) expect(ctx context.Context, a *part, what []peer.Expectation) error {
	m := r.members[a]
	report := m.report
	if m.call != nil {
		var err error
		if report, err = m.call.Report(ctx); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	var results []peer.ExpectationResult
	for _, e := range what {
		result := e.Evaluate(report)
		results = append(results, result)
		r.current.Expect = append(r.current.Expect, Expected{a.name, result})
	}
	if faults := notMet(results); faults != "" {
		return errors.New(a.name + ": " + faults)
	}
	return nil
}
