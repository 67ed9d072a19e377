package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"callbox/peer"
)

// TestSabotage breaks one thing of a call, and shows that the one concern that
// should notice does, and no other. Without sabotage none does.
func TestSabotage(t *testing.T) {
	lab, s := theLab(t), theServer(t)
	if err := lab.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Part(context.Background()); err != nil {
			t.Error(err)
		}
	})
	want := expected{bot{}, "direct"}
	for _, tc := range []struct {
		what   string
		at     string // who watches: a bot or a browser
		notice []concern
	}{
		{sabotageNone, "bot", nil},
		{sabotageFlipped, "bot", []concern{integrity}},
		{sabotageFrozen, "bot", []concern{motion}},
		{sabotageSilent, "bot", []concern{sound}},
		{sabotageNone, "chromium", nil},
		{sabotageFrozen, "chromium", []concern{motion}},
		{sabotageSilent, "chromium", []concern{sound}},
	} {
		t.Run(tc.what+"-"+tc.at, func(t *testing.T) {
			room := "sabotage-" + tc.what + "-" + tc.at
			if tc.at == "bot" {
				honest := startBot(t, lab.A, s, room, "direct", 4*time.Second)
				s.awaitPeers(t, 1)
				startSaboteur(t, lab.B, s, room, tc.what, 4*time.Second).report(t)
				notices(t, checkReport(honest.report(t), want), tc.notice)
				return
			}
			tb := openAt(t, side{tc.at, "a"}, s, room, nil)
			tb.join()
			s.awaitPeers(t, 1)
			saboteur := startSaboteur(t, lab.B, s, room, tc.what, time.Minute)
			// Long enough to have seen and heard all that there is.
			var found findings
			_ = eventually(t, patience, func() error {
				seen := tb.look()
				found = seen.check(want)
				if seen.Samples < 60 || !slices.Equal(concerns(found), tc.notice) {
					return fmt.Errorf("%v", found)
				}
				return nil
			})
			notices(t, found, tc.notice)
			tb.click("leave")
			saboteur.report(t)
		})
	}
}

// TestWithoutTURN holds both sides to a relay that is not there.
func TestWithoutTURN(t *testing.T) {
	lab := theLab(t)
	s := startServer(t, "--turn-udp", "", "--turn-tcp", "", "--turn-tls", "")
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	const room = "no-relay"
	tb := openAt(t, side{"chromium", "a"}, s, room, url.Values{"ice": {"relay"}, "turn": {"udp"}})
	tb.join()
	s.awaitPeers(t, 1)
	report := startBot(t, lab.B, s, room, "udp", time.Second, "--connect-timeout", "4s").report(t)
	notices(t, checkReport(report, expected{red, "udp"}), []concern{connecting})
	if report.ExitCode != peer.NotConnected {
		t.Errorf("the bot's exit code is %d, want %d", report.ExitCode, peer.NotConnected)
	}
	notices(t, tb.look().check(expected{bot{}, "udp"}), []concern{connecting})
}

func concerns(f findings) []concern { return slices.Sorted(maps.Keys(f)) }

// notices fails the test unless exactly the wanted concerns were found.
func notices(t *testing.T, f findings, want []concern) {
	t.Helper()
	if !slices.Equal(concerns(f), want) {
		t.Errorf("found %v, want %v:\n%v", concerns(f), want, f)
	}
}
