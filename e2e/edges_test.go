package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestNoWebRTC opens the page in a browser where WebRTC is missing or does not
// work. The page says so before the join, and takes no seat.
func TestNoWebRTC(t *testing.T) {
	s := sharedServer(t)
	b := sharedBrowser(t, "chromium", "a")
	const shown = `(() => {
		const card = document.querySelector('[data-problem="webrtc"]');
		const buttons = ["join", "join-without"].map((action) => document.querySelector('[data-action="' + action + '"]'));
		return !!card && card.checkVisibility() && buttons.every((button) => button.disabled);
	})()`
	for name, script := range map[string]string{
		"missing":   "delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection",
		"undefined": "window.RTCPeerConnection = undefined",
		"throws":    "window.RTCPeerConnection = class { constructor() { throw new DOMException('', 'NotSupportedError') } }",
		"rejects":   "RTCPeerConnection.prototype.createOffer = () => Promise.reject(new DOMException('', 'NotAllowedError'))",
	} {
		t.Run(name, func(t *testing.T) {
			tb := open(t, b, s, "no-webrtc-"+name, url.Values{"lang": {"en"}}, script)
			tb.awaitScreen("prejoin")
			tb.until(shown)
			if text := eval[string](tb, `document.querySelector("[data-problems]").innerText`); !strings.Contains(text, "cannot make calls") {
				t.Errorf("the page says %q", text)
			}
			// Submitting the form does not connect to the server.
			tb.until(`(() => {
				for (const form of document.querySelectorAll("[data-prejoin]")) form.requestSubmit();
				return true;
			})()`)
			if phase := eval[string](tb, "callbox.signaling.phase"); phase != "off" {
				t.Errorf("the page's signaling is %s", phase)
			}
			tb.checkFaults(s)
		})
	}
}

// TestLinksFromChats opens links as mail and chat programs change them.
func TestLinksFromChats(t *testing.T) {
	s := sharedServer(t)
	tb := open(t, sharedBrowser(t, "chromium", "a"), s, "", url.Values{"lang": {"en"}})
	load := func(path string) { tb.goTo(s.url + path) }
	for _, path := range []string{"/r/lamp.?debug=1", "/r/lamp%20?debug=1", "/r/lamp/?debug=1", "/R/lamp%E2%80%8B?debug=1", "/r/lamp\u3002?debug=1#token=a.b."} {
		load(path)
		tb.awaitScreen("prejoin")
		if at := eval[string](tb, "location.pathname + location.search + location.hash + ' ' + callbox.state.room"); at != "/r/lamp?debug=1 lamp" {
			t.Errorf("%s opens %s", path, at)
		}
	}
	load("/r/a%2Fb?lang=en")
	tb.until(`document.querySelector("#home-error").textContent.includes("\u201c/\u201d")`)
	// The field takes a sentence with a link, and the token in the link.
	tb.until(fmt.Sprintf(`(() => {
		document.querySelector('[name="room"]').value = %q;
		document.querySelector(".join-room").requestSubmit();
		return location.pathname === "/r/quiet-river-lamp" && sessionStorage.getItem("callbox.token") === "x.y-z";
	})()`, "Join me: <"+s.url+"/r/quiet-river-lamp#token=x.y-z>. See you"))
	load("/nothing/here")
	if text := eval[string](tb, "document.body.innerText"); !strings.Contains(text, "no call at this address") || !strings.Contains(text, "发起新通话") {
		t.Errorf("the page of an unknown path shows %q", text)
	}
}

// TestSmallWindow checks that all controls fit in the window of a small device, with
// the longest possible names.
func TestSmallWindow(t *testing.T) {
	s := sharedServer(t)
	tb := open(t, sharedBrowser(t, "chromium", "a"), s, strings.Repeat("W", 64), url.Values{"lang": {"en"}})
	window, ok := tb.Page.(interface {
		Resize(ctx context.Context, width, height int) error
	})
	if !ok {
		t.Fatal("the window cannot be resized")
	}
	if err := window.Resize(t.Context(), 320, 256); err != nil {
		t.Fatal(err)
	}
	const fits = "document.documentElement.scrollWidth <= innerWidth"
	tb.enterName(strings.Repeat("W", 58) + "👨\u200d👩\u200d👧")
	tb.until(fits)
	tb.join()
	tb.awaitScreen("waiting")
	tb.until(fits + ` && [...document.querySelectorAll(".controls [data-action]")].filter((b) => b.checkVisibility()).every((b) => {
		const {left, right, top, bottom} = b.getBoundingClientRect();
		return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
	})`)
	tb.checkFaults(s)
}
