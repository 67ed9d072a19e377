package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"callbox/e2e/need"
	"callbox/e2e/netlab"
)

// checkPage is a tab with the page that checks a connection.
type checkPage struct{ *tab }

func openCheck(t *testing.T, at side, s *server) checkPage {
	t.Helper()
	tb := openAt(t, at, s, "", url.Values{"lang": {"en"}})
	tb.awaitScreen("home")
	tb.goTo(eval[string](tb, `document.querySelector(".home [href$='/check']").href`) + "?lang=en")
	tb.awaitScreen("check")
	return checkPage{tb}
}

func (p checkPage) start() { p.click("start") }

// states waits for the end of the check, and returns the state of each row.
func (p checkPage) states() map[string]string {
	p.t.Helper()
	p.until(`document.body.dataset.phase === "ended"`)
	return eval[map[string]string](p.tab, `Object.fromEntries([...document.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row.dataset.state]))`)
}

// text returns what a row says.
func (p checkPage) text(row string) string {
	p.t.Helper()
	return eval[string](p.tab, fmt.Sprintf(`document.querySelector('[data-row=%q]').innerText`, row))
}

func (p checkPage) verdict() string {
	p.t.Helper()
	return eval[string](p.tab, `document.querySelector("[data-verdict]").dataset.state + " " + document.querySelector("[data-verdict]").innerText`)
}

// want checks the states of the rows: all are ok but those in others.
func (p checkPage) want(name string, others map[string]string) {
	p.t.Helper()
	got := p.states()
	want := map[string]string{}
	for _, row := range []string{"devices", "websocket", "fallback", "stun", "udp", "tcp", "tls", "mapping", "clock"} {
		want[row] = "ok"
	}
	maps.Copy(want, others)
	for _, row := range slices.Sorted(maps.Keys(want)) {
		if got[row] != want[row] {
			p.t.Errorf("%s: %s is %s, want %s: %q", name, row, got[row], want[row], p.text(row))
		}
	}
}

// natByDestination puts a client behind a NAT that maps each socket to another port for every destination,
// until the test ends.
func natByDestination(t *testing.T, n *netlab.Namespace) {
	t.Helper()
	need.Program(t, "nft")
	nft := func(ctx context.Context, commands string) {
		t.Helper()
		command := exec.CommandContext(ctx, "ip", "netns", "exec", n.Name, "nft", "-f", "-")
		command.Stdin = strings.NewReader(commands)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v\n%s", err, out)
		}
	}
	nft(t.Context(), `table ip nat-of-test {
	chain out {
		type nat hook postrouting priority 100
		meta l4proto udp masquerade fully-random
	}
}`)
	t.Cleanup(func() { nft(context.Background(), "delete table ip nat-of-test") })
}

// TestCheck checks the connection of browsers to a server with a certificate that they accept for TURN,
// too: everything works. One of them is behind a NAT.
func TestCheck(t *testing.T) {
	checkNoRoute(t)
	sharedServer(t) // makes the certificate authority
	certificate := certificateWithName(t)
	s := startServer(t, "--https", ":443", "--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", "", "--tls-cert", certificate, "--tls-key", certificate)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	s.url = "https://" + serverName
	natByDestination(t, sharedLab(t).B)
	pages := map[string]checkPage{"Chromium": openCheck(t, side{"chromium", "a"}, s), "Firefox": openCheck(t, side{"firefox", "b"}, s)}
	for _, p := range pages {
		p.start()
	}
	for name, p := range pages {
		others, mapping := map[string]string{}, "None"
		if name == "Firefox" {
			others["mapping"], mapping = "warn", "Another address"
		}
		p.want(name, others)
		if got := p.verdict(); !strings.HasPrefix(got, "ok Calls work from here") {
			t.Errorf("%s: the verdict is %q", name, got)
		}
		for _, row := range []string{"udp", "tcp", "tls"} {
			if got := p.text(row); !strings.Contains(got, "Round trip") || !strings.Contains(got, " 0% of the packets") {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := p.text("mapping"); !strings.Contains(got, mapping) {
			t.Errorf("%s: the NAT is %q, want %q", name, got, mapping)
		}
		p.checkFaults(s)
	}
	if relayed := s.metric(t, "callbox_turn_from_peers_packets_total"); relayed < 2*3*2*150 {
		t.Errorf("the relays have passed on %v packets", relayed)
	}
	if err := eventually(t, patience, func() error {
		if n := s.metric(t, "callbox_turn_allocations"); n != 0 {
			return fmt.Errorf("%v relays are left", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestCheckWithoutUDP checks the connection where UDP is blocked, with a certificate of the local authority.
// The result that the page copies has no addresses.
func TestCheckWithoutUDP(t *testing.T) {
	s := sharedServer(t)
	p := openCheck(t, side{"chromium", "a"}, s)
	allowOnly(t, "meta l4proto tcp accept")
	p.start()
	p.want("without UDP", map[string]string{"stun": "fail", "udp": "fail", "mapping": "fail", "tls": "skipped"})
	if got := p.verdict(); !strings.HasPrefix(got, "warn Calls work from here, but not over UDP") {
		t.Errorf("the verdict is %q", got)
	}
	for row, want := range map[string]string{"stun": "blocked", "udp": "blocked", "tls": "Not possible with this certificate", "mapping": "UDP is blocked"} {
		if got := p.text(row); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", row, got, want)
		}
	}
	p.until(`(Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text; }}}), true)`)
	p.click("copy")
	p.until(`!!window.copied && document.querySelector("[data-copied]").textContent !== ""`)
	report := eval[string](p.tab, "window.copied")
	lab := sharedLab(t)
	if !strings.Contains(report, "[x] Relay over UDP") || strings.Contains(report, lab.ServerAddr.String()) || strings.Contains(report, lab.AAddr.String()) {
		t.Errorf("the copied result is\n%s", report)
	}
	p.checkFaults(s)
}

// TestQuickCheck has the page check the connection before a call: the server, STUN and a relay answer.
func TestQuickCheck(t *testing.T) {
	s := sharedServer(t)
	tb := openAt(t, side{"chromium", "b"}, s, "quick-check", url.Values{"lang": {"en"}})
	tb.awaitScreen("prejoin")
	tb.click("quick-check")
	tb.until(`[...document.querySelectorAll("[data-tick]")].filter((tick) => tick.dataset.state === "done").length === 3`)
	if text := eval[string](tb, `document.querySelector("[data-ticks]").innerText`); !strings.Contains(text, "Relay") || !strings.Contains(text, "OK") {
		t.Errorf("the ticks say %q", text)
	}
	tb.until(`document.querySelector("[data-ticks-more]").checkVisibility()`)
	tb.checkFaults(s)
}
