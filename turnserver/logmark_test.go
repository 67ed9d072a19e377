package turnserver_test

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"

	"callbox/internal/logbound"
	"callbox/turnserver"
)

// markHandler looks for lines that are marked as caused by a client at loopback.
type markHandler struct {
	message        string
	marked, others atomic.Int64
}

func (*markHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *markHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h *markHandler) WithGroup(string) slog.Handler          { return h }
func (h *markHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message != h.message || r.Level < slog.LevelInfo {
		return nil
	}
	found := false
	r.Attrs(func(a slog.Attr) bool {
		found = found || a.Value.Any() == any(logbound.From(netip.MustParseAddr("127.0.0.1")))
		return !found
	})
	if found {
		h.marked.Add(1)
	} else {
		h.others.Add(1)
	}
	return nil
}

// TestEndsAreMarked checks that the line about the end of a relay is marked with the address
// of its client, so that one client cannot use up what the log allows for all.
func TestEndsAreMarked(t *testing.T) {
	log := &markHandler{message: "allocation ended"}
	s := start(t, func(c *turnserver.Config) { c.Logger = slog.New(log) })
	c := s.rawTCP(t, "ann")
	c.allocate(t)
	c.conn.Close()
	s.active(t, 0)
	closeServer(t, s.server)
	if log.marked.Load() != 1 || log.others.Load() != 0 {
		t.Errorf("%d lines with the mark and %d without, want one with it", log.marked.Load(), log.others.Load())
	}
}
