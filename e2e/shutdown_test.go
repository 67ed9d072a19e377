package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestShutdown stops the server during a direct call of two bots. It shuts down
// gracefully, and the call goes on to its end without losing a frame.
func TestShutdown(t *testing.T) {
	lab := sharedLab(t)
	connectClients(t)
	s := startServer(t)
	bots := [2]*botProcess{}
	for i, at := range []string{"a", "b"} {
		bots[i] = startBot(t, namespaceOf(lab, at), s, "goes-on", "direct", 4*time.Second)
		s.awaitPeers(t, i+1)
	}
	err := eventually(t, patience, func() error {
		for _, b := range bots {
			if !strings.Contains(b.process.stdout.String(), "Receiving video.") {
				return errors.New("a bot receives no video")
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
		wantFindings(t, checkReport(report, expected{bot{}, "direct"}), nil)
		if report.ExitCode != 0 {
			t.Errorf("the bot's exit code is %d", report.ExitCode)
		}
		if hangup := value(report.TimelineMS.Hangup) - value(report.TimelineMS.DTLSConnected); hangup < 3900 {
			t.Errorf("the call ended %d ms after it was connected, want 4 s", hangup)
		}
	}
}
