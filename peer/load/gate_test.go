package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// Joins follow each other at the pace of the ramp, and all wait for as long as the server
// asks.
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		g := &gate{stop: stop, between: 50 * time.Millisecond}
		start := time.Now()
		for _, due := range []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond} {
			if err := g.wait(ctx); err != nil || time.Since(start) != due {
				t.Errorf("%v after %v, want %v", err, time.Since(start), due)
			}
		}
		if !g.refused(errors.New("busy"), 3*time.Second) {
			t.Error("one refusal is the end")
		}
		if err := g.wait(ctx); err != nil || time.Since(start) != 3100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		g.joined()
		for i := range MaxRefusals {
			if again := g.refused(errors.New("busy"), time.Hour); again != (i+1 < MaxRefusals) {
				t.Errorf("refusal %d: again %t", i+1, again)
			}
		}
		if err := g.wait(ctx); !errors.Is(err, errStopped) || g.stopped() == nil {
			t.Errorf("%v, %v", err, g.stopped())
		}
	})
}

// Each kind of refusal names the flag that raises its limit.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for flag, err := range map[string]error{
		"--limit-connections": &client.HandshakeError{Status: http.StatusTooManyRequests},
		"--memory":            &client.HandshakeError{Status: http.StatusServiceUnavailable},
		"--limit-joins":       protocol.Error{Code: protocol.CodeRateLimited},
	} {
		if text := adviseOn(fmt.Errorf("join: %w", err)).Error(); !strings.Contains(text, flag) {
			t.Errorf("%q does not name %s", text, flag)
		}
	}
	if err := errors.New("other"); !errors.Is(adviseOn(err), err) || adviseOn(err).Error() != "other" {
		t.Error("advice about something else")
	}
}
