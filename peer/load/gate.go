package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"callbox/peer"
)

// errStopped is the cause of the end of a run after too many refusals.
var errStopped = errors.New("too many refusals")

// gate lets joins through, one after the other, unless the server has asked to wait.
type gate struct {
	between time.Duration           // joins
	stop    context.CancelCauseFunc // ends the joins that wait, and those that would come

	mu       sync.Mutex
	free     time.Time // when the next join may pass
	closed   time.Time // no join begins before
	inARow   int       // refusals since the last join that succeeded
	refusals int64
	last     error
}

// wait waits for the turn of a join. The error is the cause of the end of ctx.
func (g *gate) wait(ctx context.Context) error {
	for {
		left := g.left(time.Now())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// left returns how long a join has to wait before it asks again. If that is 0, it has passed.
func (g *gate) left(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if left := max(g.closed.Sub(now), g.free.Sub(now)); left > 0 {
		return left
	}
	g.free = now.Add(g.between)
	return 0
}

// refused notes a refusal: all other joins wait, too. It reports whether to try again.
func (g *gate) refused(err error, after time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(after); until.After(g.closed) {
		g.closed = until
	}
	g.inARow++
	g.refusals++
	g.last = err
	if g.inARow < MaxRefusals {
		return true
	}
	g.stop(errStopped)
	return false
}

// joined notes a join that succeeded.
func (g *gate) joined() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inARow = 0
}

// failed notes a join that failed for good.
func (g *gate) failed(report *peer.Report) {
	g.refused(errors.New(report.Reason), 0)
}

// stopped returns why the run was stopped, with what to do about it; nil = it was not.
func (g *gate) stopped() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inARow < MaxRefusals {
		return nil
	}
	return fmt.Errorf("stopped after %d refusals in a row; the last: %w", g.inARow, g.last)
}
