package logbound_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callbox/internal/logbound"
)

// lockedText is a log that is read while a timer writes it.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text lockedText
		handler := logbound.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
		log := slog.New(handler).With("part", "test")
		eve, ann := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
		for range 1000 {
			log.Info("peer ended", "from", logbound.From(eve))
		}
		log.Info("peer ended", "who", "Ann", "from", logbound.From(ann))
		for i := range 1000 {
			log.Info("peer reported", "from", logbound.From(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})))
			log.Debug("all of these")
			log.Error("no source")
		}
		got := text.String()
		for line, want := range map[string]int{`"peer ended"`: 31, `who=Ann`: 1, `"peer reported"`: 200, `"all of these"`: 1000, `"no source"`: 200} {
			if n := strings.Count(got, line); n != want {
				t.Errorf("%s: %d lines, want %d", line, n, want)
			}
		}
		if strings.Contains(got, "from") || strings.Contains(got, "2001:") || strings.Contains(got, "192.0") || strings.Contains(got, "suppressed") {
			t.Errorf("the log tells too much:\n%s", got)
		}
		<-time.After(61 * time.Second)
		synctest.Wait()
		got = text.String()
		for _, want := range []string{`like="peer ended" lines=970`, `like="peer reported" lines=800`, `like="no source" lines=800`} {
			if !strings.Contains(got, want) {
				t.Errorf("the log does not say %s", want)
			}
		}
		for range 1000 {
			log.Info("peer ended", "from", logbound.From(eve))
		}
		if n := strings.Count(text.String(), `msg="peer ended"`); n != 37 {
			t.Errorf("%d lines after a minute, want six more", n)
		}
		handler.Close()
		if !strings.Contains(text.String(), fmt.Sprint(`like="peer ended" lines=`, 994)) {
			t.Error("Close does not tell what was left out")
		}
	})
}
