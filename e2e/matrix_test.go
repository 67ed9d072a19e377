package e2e

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"testing"
	"time"

	"callbox/peer"
)

// side is one end of a call of the matrix: what it is, and at which client.
type side struct{ kind, at string }

func (s side) source() any {
	if s.kind == "bot" {
		return bot{}
	}
	return cameraOf(s.at)
}

// TestMatrix makes every call that must work. The side named first is the first
// in the room, and so calls. In a direct call the two clients have a route to
// each other; in a relayed one they have none, and both are held to the relay.
func TestMatrix(t *testing.T) {
	lab, s := theLab(t), theServer(t)
	chromium := []([2]side){
		{{"chromium", "a"}, {"chromium", "b"}},
		{{"chromium", "a"}, {"bot", "b"}},
		{{"bot", "a"}, {"chromium", "b"}},
		{{"bot", "a"}, {"bot", "b"}},
	}
	firefox := []([2]side){
		{{"firefox", "a"}, {"chromium", "b"}},
		{{"chromium", "b"}, {"firefox", "a"}},
		{{"firefox", "a"}, {"bot", "b"}},
		{{"bot", "b"}, {"firefox", "a"}},
	}
	for _, transport := range []string{"direct", "udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			if transport == "direct" {
				if err := lab.Join(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := lab.Part(context.Background()); err != nil {
						t.Error(err)
					}
				}()
			} else {
				noRoute(t)
			}
			pairs := chromium
			if transport != "tls" { // Firefox takes that from a server with a name, see TestOnly443
				pairs = slices.Concat(chromium, firefox)
			}
			for _, pair := range pairs {
				c := call{room: "cell-" + transport + "-" + pair[0].kind + "-" + pair[1].kind, transport: transport, pair: pair}
				if transport != "direct" {
					c.query = url.Values{"ice": {"relay"}, "turn": {transport}}
				}
				t.Run(pair[0].kind+"-"+pair[1].kind, func(t *testing.T) { makeCall(t, s, c) })
			}
		})
	}
}

// noRoute shows that the clients cannot reach each other.
func noRoute(t *testing.T) {
	t.Helper()
	lab := theLab(t)
	conn, err := lab.A.DialContext(t.Context(), "udp4", netip.AddrPortFrom(lab.BAddr, 9).String())
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ENETUNREACH) {
		t.Fatalf("a reaches b: %v, want network is unreachable", err)
	}
}

// call is a call to be made.
type call struct {
	room      string
	transport string     // "direct", or how both reach their relays: udp, tcp, tls
	query     url.Values // what pages are told in their address
	pair      [2]side
}

// makeCall makes one call and judges both sides of it.
func makeCall(t *testing.T, s *server, c call) {
	t.Helper()
	lab := theLab(t)
	pair, transport := c.pair, c.transport
	before := len(s.endedRelays())
	// With a browser in it a call ends when the browser has seen enough.
	duration := 2 * time.Second
	if pair[0].kind != "bot" || pair[1].kind != "bot" {
		duration = time.Minute
	}
	var tabs [2]*tab
	var bots [2]*robot
	var reports [2]*peer.Report
	for i, side := range pair {
		if side.kind == "bot" {
			bots[i] = startBot(t, namespaceOf(lab, side.at), s, c.room, transport, duration)
		} else {
			tabs[i] = openAt(t, side, s, c.room, c.query)
			tabs[i].join()
		}
		s.awaitPeers(t, i+1)
	}
	if transport != "direct" {
		s.awaitRelays(t, transport)
	}
	for i, tb := range tabs {
		if tb == nil {
			continue
		}
		seen := tb.watch(expected{pair[1-i].source(), transport})
		judge(t, pair[i], seen.check(expected{pair[1-i].source(), transport}))
		if transport != "direct" {
			judge(t, pair[i], s.checkAccount(t, seen))
		}
	}
	for _, tb := range tabs {
		if tb != nil {
			tb.click("leave")
			tb.awaitScreen("ended")
			break // the other one hears it
		}
	}
	for i, b := range bots {
		if b == nil {
			continue
		}
		report := b.report(t)
		if report.ExitCode != 0 {
			t.Errorf("the bot's exit code is %d: %s", report.ExitCode, tail(b.process.stderr.String()))
		}
		judge(t, pair[i], checkReport(report, expected{pair[1-i].source(), transport}))
		reports[i] = report
	}
	for _, tb := range tabs {
		if tb != nil && eval[bool](tb, `["call", "waiting"].includes(document.body.dataset.screen)`) {
			tb.click("leave")
		}
		if tb != nil {
			tb.wellBehaved(s)
		}
	}
	s.awaitPeers(t, 0)
	s.awaitNoRelays(t)
	for i, report := range reports {
		if report != nil && transport != "direct" {
			judge(t, pair[i], checkReportAccount(report, s.endedRelays()[before:]))
		}
	}
}

// judge fails the test for everything that was found.
func judge(t *testing.T, who side, f findings) {
	t.Helper()
	if len(f) > 0 {
		t.Errorf("at the %s of %s:\n%v", who.kind, who.at, f)
	}
}
