package e2e

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestConnectionPanel opens the connection panel in a direct call and in relayed ones. It
// shows what the connection does, and its report tells no address.
func TestConnectionPanel(t *testing.T) {
	s := sharedServer(t)
	for _, c := range []struct {
		transport string
		kinds     [2]string
	}{
		{"direct", [2]string{"chromium", "firefox"}},
		{"udp", [2]string{"firefox", "chromium"}},
		{"tls", [2]string{"chromium", "chromium"}}, // Firefox needs a server with a name for TLS, see TestOnly443.
	} {
		t.Run(c.transport, func(t *testing.T) {
			query := url.Values{"lang": {"en"}}
			if c.transport == "direct" {
				connectClients(t)
			} else {
				query.Set("ice", "relay")
				query.Set("turn", c.transport)
			}
			var tabs []*tab
			for i, at := range []string{"a", "b"} {
				tb := openAt(t, side{c.kinds[i], at}, s, "panel-"+c.transport, query)
				tb.enterName([]string{"Ann", "Bo"}[i]).join()
				tabs = append(tabs, tb)
				s.awaitPeers(t, i+1)
			}
			for _, tb := range tabs {
				tb.awaitScreen("call")
				tb.until(clickTwice)
			}
			for i, tb := range tabs {
				tb.checkFigures(c.transport, c.kinds[i])
				if n := eval[int](tb, `document.querySelectorAll('link[href$="/connection.css"]').length`); n != 1 {
					t.Errorf("%s: the styles of the panel are there %d times", c.kinds[i], n)
				}
				tb.checkReport(t, c.transport)
				tb.click("close-dialog")
				tb.until(`!document.querySelector('[data-dialog="connection"]').open`)
			}
			leaveAll(t, s, tabs...)
			for _, tb := range tabs {
				tb.checkFaults(s)
			}
		})
	}
}

// clickTwice opens the panel and, before its styles are there, again.
const clickTwice = `(() => {
	const button = [...document.querySelectorAll('[data-action="connection"]')].find((b) => b.checkVisibility());
	button?.click();
	button?.click();
	return !!button;
})()`

// figures is an expression for the figures that the panel shows, without their units, and for
// how many points of each it has drawn.
const figures = `Object.fromEntries([...document.querySelectorAll("[data-figure]")].map((item) => [item.dataset.figure, {
	value: parseFloat(item.querySelector("[data-figure-value]").textContent),
	range: item.querySelector("[data-figure-range]").textContent,
	points: item.querySelector("path").getAttribute("d").split("L").length,
}]))`

// bounds are the least and the most that each figure may be in a call between two browsers of
// one machine.
var bounds = map[string][2]float64{
	"rtt": {0, 500}, "jitter": {0, 200}, "lossIn": {0, 20}, "lossOut": {0, 20},
	"bitrateIn": {0.01, 10}, "bitrateOut": {0.01, 10}, "fpsIn": {1, 60}, "fpsOut": {1, 60},
}

// facts is an expression for what the panel says besides figures.
const facts = `Object.fromEntries([...document.querySelectorAll("[data-connection-facts] div")].map((item) =>
	[item.querySelector("dt").textContent, item.querySelector("dd").textContent]))`

// checkFigures waits until the open panel shows plausible figures, and five seconds of each.
func (tb *tab) checkFigures(transport, kind string) {
	tb.t.Helper()
	if err := eventually(tb.t, patience, func() error {
		shown := eval[map[string]struct {
			Value  *float64
			Range  string
			Points int
		}](tb, figures)
		for name, bound := range bounds {
			f, ok := shown[name]
			if !ok || f.Value == nil || *f.Value < bound[0] || *f.Value > bound[1] || f.Points < 5 || !strings.Contains(f.Range, " to ") {
				return fmt.Errorf("%s shows %s as %+v %v", kind, name, f, value(f.Value))
			}
		}
		return nil
	}); err != nil {
		tb.t.Error(err)
	}
	want := map[string]string{
		"This device":    `\((host|prflx)\)$`,
		"Other side":     `\((host|prflx)\)$`,
		"Video received": `^\d+ × \d+, \d+ fps$`,
		"Video sent":     `^\d+ × \d+, \d+ fps$`,
		"Codecs":         `^opus \+ VP8 received, opus \+ VP8 sent$`,
		"Encryption":     `^DTLS 1\.[23], SRTP[ _]\w+`,
	}
	if transport != "direct" {
		want["This device"] = `^a relay server, over ` + strings.ToUpper(transport) + ` \(relay\)$`
		want["Other side"] = `\((relay|prflx)\)$`
	}
	if kind == "chromium" { // Firefox tells neither
		want["Target rate"] = `^\d+\.\d+ Mbit/s$`
		want["Network allows about"] = `^\d+\.\d+ Mbit/s$`
	}
	shown := eval[map[string]string](tb, facts)
	for name, pattern := range want {
		if !regexp.MustCompile(pattern).MatchString(shown[name]) {
			tb.t.Errorf("%s: the panel says %q: %q, want %s", kind, name, shown[name], pattern)
		}
	}
	way := map[bool]string{true: "Directly", false: "Through a relay"}[transport == "direct"]
	tb.until(fmt.Sprintf(`document.querySelector("[data-connection-summary]").textContent.includes(%q)`, way))
}

// completeAddress matches an IPv4 address, but not the version of a browser.
var completeAddress = regexp.MustCompile(`(?:^|[^\d./])\d{1,3}(?:\.\d{1,3}){3}(?:$|[^\d.])`)

// checkReport copies the report of the open panel, once to the clipboard, and once where
// there is none.
func (tb *tab) checkReport(t *testing.T, transport string) {
	t.Helper()
	copied := func(clipboard, shown string) string {
		eval[any](tb, fmt.Sprintf(`(navigator.clipboard.writeText = (text) => %s, null)`, clipboard))
		tb.click("copy-report")
		tb.until(fmt.Sprintf(`!!(%s)`, shown))
		return eval[string](tb, shown)
	}
	report := copied(`{ window.copied = text; return Promise.resolve(); }`, "window.copied")
	tb.until(`document.querySelector("[data-connection-copied]").textContent === "Copied"`)
	without := copied(`Promise.reject(new Error("forbidden"))`, `document.querySelector("[data-connection-report]").textContent`)
	tb.until(`document.querySelector("[data-connection-report]").checkVisibility()`)
	for _, text := range []string{report, without} {
		if found := completeAddress.FindString(text); found != "" || strings.Contains(text, "panel-") || strings.Contains(text, "Ann") {
			t.Errorf("the report tells too much (%q):\n%s", found, text)
		}
		for _, want := range []string{"callbox ", "Round trip: ", "past minute", "Encryption: DTLS", map[bool]string{true: "10.77.x.x", false: "203.0.x.x"}[transport == "direct"]} {
			if !strings.Contains(text, want) {
				t.Errorf("the report does not have %q:\n%s", want, text)
			}
		}
	}
}

// TestConnectionPanelLater opens the panel while the server is dead. The page says why there
// is none, and opens it once the server is back.
func TestConnectionPanelLater(t *testing.T) {
	sharedServer(t) // the browsers trust its authority
	connectClients(t)
	s := startServer(t)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	var tabs []*tab
	for i, kind := range []string{"chromium", "firefox"} {
		tb := openAt(t, side{kind, "ab"[i : i+1]}, s, "panel-later", url.Values{"lang": {"en"}})
		tb.join()
		tabs = append(tabs, tb)
		s.awaitPeers(t, i+1)
	}
	for _, tb := range tabs {
		tb.awaitScreen("call")
		tb.until(`document.querySelector("[data-quality]").checkVisibility()`)
		// Otherwise the page says that these could not be loaded.
		tb.until(`["chat_text", "files_sent", "files_received", "transfer", "ui/chat"].every((module) =>
			performance.getEntriesByType("resource").some(({name, responseEnd}) => name.endsWith("/" + module + ".js") && responseEnd > 0))`)
	}
	s.kill(t)
	for _, tb := range tabs {
		tb.click("connection")
		tb.until(`document.querySelector("[data-notice]").textContent.includes("The details could not be loaded")`)
	}
	s.startAgain(t)
	for _, tb := range tabs {
		tb.until(`callbox.signaling.phase === "up"`)
		tb.click("connection")
		tb.until(`document.querySelector('[data-dialog="connection"]').open`)
	}
}
