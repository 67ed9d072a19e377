package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestShutdown ends the server in the middle of a direct call of two bots: it
// goes in order, and the call goes on to its end without losing a frame.
func TestShutdown(t *testing.T) {
	lab := theLab(t)
	if err := lab.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Part(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s := startServer(t)
	bots := [2]*robot{}
	for i, at := range []string{"a", "b"} {
		bots[i] = startBot(t, namespaceOf(lab, at), s, "goes-on", "direct", 4*time.Second)
		s.awaitPeers(t, i+1)
	}
	err := eventually(t, patience, func() error {
		for _, b := range bots {
			if !strings.Contains(b.process.stdout.String(), "Receiving video.") {
				return errors.New("no picture comes")
			}
		}
		return nil
	})
	start := time.Now()
	if err := errors.Join(err, s.stop()); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the server took %v to end", took)
	}
	for _, b := range bots {
		report := b.report(t)
		notices(t, checkReport(report, expected{bot{}, "direct"}), nil)
		if report.ExitCode != 0 {
			t.Errorf("the bot's exit code is %d", report.ExitCode)
		}
		if hangup := value(report.TimelineMS.Hangup) - value(report.TimelineMS.DTLSConnected); hangup < 3900 {
			t.Errorf("the call ended %d ms after it was connected, want 4 s", hangup)
		}
	}
}
