package e2e

import (
	"errors"
	"flag"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"callbox/peer"
)

// side is one end of a call: chromium, firefox or bot, at client a or b.
type side struct{ kind, at string }

func (s side) source() any {
	if s.kind == "bot" {
		return bot{}
	}
	return cameraOf(s.at)
}

// matrixFull is set by `make long`.
var matrixFull = flag.Bool("matrix.full", false, "make every call of the matrix, not only some over each transport")

// matrixPairs returns who calls whom over a transport: every combination that must work, or
// some of them, so that each combination and each transport occurs. The first side joins first,
// and makes the offer.
func matrixPairs(transport string) [][2]side {
	pairs := map[string][][2]side{
		"direct": {{{"chromium", "a"}, {"chromium", "b"}}, {{"chromium", "a"}, {"bot", "b"}}, {{"firefox", "a"}, {"bot", "b"}}},
		"udp":    {{{"bot", "a"}, {"chromium", "b"}}, {{"firefox", "a"}, {"chromium", "b"}}},
		"tcp":    {{{"chromium", "b"}, {"firefox", "a"}}, {{"bot", "b"}, {"firefox", "a"}}},
		"tls":    {{{"chromium", "a"}, {"chromium", "b"}}, {{"bot", "a"}, {"bot", "b"}}},
	}
	if !*matrixFull {
		return pairs[transport]
	}
	var all [][2]side
	for _, some := range pairs {
		for _, pair := range some {
			// Firefox needs a server with a name for TLS, see TestOnly443.
			if firefox := pair[0].kind == "firefox" || pair[1].kind == "firefox"; !slices.Contains(all, pair) && (transport != "tls" || !firefox) {
				all = append(all, pair)
			}
		}
	}
	return all
}

// TestMatrix makes calls over each transport. For a direct call, the two clients have a
// route to each other. For a relayed one they have none, and both use only relay candidates.
func TestMatrix(t *testing.T) {
	s := sharedServer(t)
	for _, transport := range []string{"direct", "udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			if transport == "direct" {
				connectClients(t)
			} else {
				checkNoRoute(t)
			}
			for _, pair := range matrixPairs(transport) {
				c := call{room: "cell-" + transport + "-" + pair[0].kind + "-" + pair[1].kind, transport: transport, pair: pair}
				if transport != "direct" {
					c.query = url.Values{"ice": {"relay"}, "turn": {transport}}
				}
				t.Run(pair[0].kind+"-"+pair[1].kind, func(t *testing.T) { makeCall(t, s, c) })
			}
		})
	}
}

// checkNoRoute checks that the clients cannot reach each other.
func checkNoRoute(t *testing.T) {
	t.Helper()
	lab := sharedLab(t)
	conn, err := lab.A.DialContext(t.Context(), "udp4", netip.AddrPortFrom(lab.BAddr, 9).String())
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ENETUNREACH) {
		t.Fatalf("a reaches b: %v, want network is unreachable", err)
	}
}

// call describes a call to make.
type call struct {
	room      string
	transport string     // "direct", or the transport of both to their relays: udp, tcp, tls
	query     url.Values // of the pages' addresses
	pair      [2]side
}

// makeCall makes one call and checks both sides of it.
func makeCall(t *testing.T, s *server, c call) {
	t.Helper()
	lab := sharedLab(t)
	pair, transport := c.pair, c.transport
	before := len(s.endedAllocations())
	// If there is a browser, it ends the call.
	duration := 2 * time.Second
	if pair[0].kind != "bot" || pair[1].kind != "bot" {
		duration = time.Minute
	}
	var tabs [2]*tab
	var bots [2]*botProcess
	var reports [2]*peer.Report
	var codes [2]string // safety codes
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
		seen := tb.observeUntil(expected{pair[1-i].source(), transport})
		reportFindings(t, pair[i], seen.check(expected{pair[1-i].source(), transport}))
		if transport != "direct" {
			reportFindings(t, pair[i], s.checkRelayBytes(t, seen))
		}
		codes[i] = strings.ReplaceAll(tb.code(), " ", "")
	}
	for _, tb := range tabs {
		if tb != nil {
			tb.click("leave")
			tb.awaitScreen("ended")
			break // the other one is told
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
		reportFindings(t, pair[i], checkReport(report, expected{pair[1-i].source(), transport}))
		if other := pair[1-i].kind; other != "firefox" { // which says little about what it receives
			checkFigures(t, report, other)
		}
		reports[i] = report
		if report.SafetyCode != nil {
			codes[i] = *report.SafetyCode
		}
	}
	for _, tb := range tabs {
		if tb != nil && eval[bool](tb, `["call", "waiting"].includes(document.body.dataset.screen)`) {
			tb.click("leave")
		}
		if tb != nil {
			tb.checkFaults(s)
		}
	}
	if codes[0] != codes[1] || len(codes[0]) != 6 {
		t.Errorf("the sides have the safety codes %q", codes)
	}
	s.awaitPeers(t, 0)
	s.awaitNoRelays(t)
	for i, report := range reports {
		if report != nil && transport != "direct" {
			reportFindings(t, pair[i], checkReportRelayBytes(report, s.endedAllocations()[before:]))
		}
	}
}

// reportFindings fails the test if there are findings.
func reportFindings(t *testing.T, who side, f findings) {
	t.Helper()
	if len(f) > 0 {
		t.Errorf("%s at client %s:\n%v", who.kind, who.at, f)
	}
}
