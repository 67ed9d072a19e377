package e2e

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"callbox/peer"
)

// TestFaultyBots makes calls with bots that have a fault, and shows that the checks
// find that fault and nothing else. Without a fault they find nothing.
func TestFaultyBots(t *testing.T) {
	lab, s := sharedLab(t), sharedServer(t)
	connectClients(t)
	want := expected{bot{}, "direct"}
	for _, tc := range []struct {
		fault string
		at    string // who receives: a bot or a browser
		want  []aspect
	}{
		{faultNone, "bot", nil},
		{faultFlipped, "bot", []aspect{integrity}},
		{faultFrozen, "bot", []aspect{motion}},
		{faultSilent, "bot", []aspect{sound}},
		{faultNone, "chromium", nil},
		{faultFrozen, "chromium", []aspect{motion}},
		{faultSilent, "chromium", []aspect{sound}},
	} {
		t.Run(tc.fault+"-"+tc.at, func(t *testing.T) {
			room := "fault-" + tc.fault + "-" + tc.at
			if tc.at == "bot" {
				receiver := startBot(t, lab.A, s, room, "direct", 4*time.Second)
				s.awaitPeers(t, 1)
				startFaultyBot(t, lab.B, s, room, tc.fault, 4*time.Second).report(t)
				wantFindings(t, checkReport(receiver.report(t), want), tc.want)
				return
			}
			tb := openAt(t, side{tc.at, "a"}, s, room, nil)
			tb.join()
			s.awaitPeers(t, 1)
			sender := startFaultyBot(t, lab.B, s, room, tc.fault, time.Minute)
			// Enough samples to find every fault.
			var found findings
			_ = eventually(t, patience, func() error {
				seen := tb.observe()
				found = seen.check(want)
				if seen.Samples < 60 || !slices.Equal(aspects(found), tc.want) {
					return fmt.Errorf("%v", found)
				}
				return nil
			})
			wantFindings(t, found, tc.want)
			tb.click("leave")
			sender.report(t)
		})
	}
}

// TestWithoutTURN makes peers use only relay candidates, on a server without TURN. The
// page says so at once, and the bot does not connect.
func TestWithoutTURN(t *testing.T) {
	lab := sharedLab(t)
	s := startServer(t, "--turn-udp", "", "--turn-tcp", "", "--turn-tls", "")
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	const room = "no-relay"
	hidden := openAt(t, side{"chromium", "a"}, s, room, url.Values{"ice": {"relay"}, "lang": {"en"}})
	hidden.join()
	hidden.awaitScreen("ended")
	hidden.until(`document.querySelector("[data-ended-text]").textContent.includes("no relay")`)
	s.awaitPeers(t, 0)
	tb := openAt(t, side{"chromium", "a"}, s, room, nil)
	tb.join()
	s.awaitPeers(t, 1)
	report := startBot(t, lab.B, s, room, "udp", time.Second, "--connect-timeout", "4s").report(t)
	wantFindings(t, checkReport(report, expected{red, "udp"}), []aspect{connecting})
	if report.ExitCode != peer.NotConnected {
		t.Errorf("the bot's exit code is %d, want %d", report.ExitCode, peer.NotConnected)
	}
	wantFindings(t, tb.observe().check(expected{bot{}, "udp"}), []aspect{connecting})
}

func aspects(f findings) []aspect { return slices.Sorted(maps.Keys(f)) }

// wantFindings fails the test unless there are findings for exactly these aspects.
func wantFindings(t *testing.T, f findings, want []aspect) {
	t.Helper()
	if !slices.Equal(aspects(f), want) {
		t.Errorf("found %v, want %v:\n%v", aspects(f), want, f)
	}
}
