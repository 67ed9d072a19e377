package e2e

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"callbox/e2e/browser"
	"callbox/e2e/need"
)

//go:embed probe.js
var probeJS string

// serverName is a host name that browsers resolve to the server's address.
const serverName = "callbox.lan"

// patience is how long tests wait for anything in a page, on a machine that is busy
// with browsers.
const patience = 25 * time.Second

// sharedBrowser returns the browser of that name in that client's namespace, which tests
// share. It trusts the shared server's certificate authority. Each client has its own camera.
func sharedBrowser(t *testing.T, name, side string) browser.Browser {
	t.Helper()
	need.Program(t, map[string]string{"chromium": "chromium", "firefox": "firefox-esr"}[name], "certutil")
	s, lab := sharedServer(t), sharedLab(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	key := name + "-" + side
	if b := shared.browsers[key]; b != nil {
		return b
	}
	n := namespaceOf(lab, side)
	options := browser.Options{Start: n.Start, Dial: n.DialContext, CA: s.ca}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var b browser.Browser
	var err error
	if name == "chromium" {
		options.Video, options.Audio, err = cameraOf(side).files(shared.dir)
		if err != nil {
			t.Fatal(err)
		}
		options.Flags = []string{"--host-resolver-rules=MAP " + serverName + " " + lab.ServerAddr.String()}
		b, err = browser.StartChromium(ctx, options)
	} else {
		options.Prefs = cameraOf(side).prefs() + fmt.Sprintf("user_pref(\"network.dns.forceResolve\", %q);\n", lab.ServerAddr)
		b, err = browser.StartFirefox(ctx, options)
	}
	if err != nil {
		t.Fatal(err)
	}
	shared.browsers[key] = b
	shared.closers = append(shared.closers, b.Close)
	return b
}

func cameraOf(side string) camera {
	if side == "a" {
		return red
	}
	return blue
}

// tab is a tab with a page of callbox.
type tab struct {
	browser.Page
	t *testing.T
}

// newTab opens an empty tab, in which the scripts run before those of each page. If the
// test fails, it logs the page's errors and a screenshot.
func newTab(t *testing.T, b browser.Browser, preload ...string) *tab {
	t.Helper()
	page, err := b.Open(t.Context(), preload...)
	if err != nil {
		t.Fatal(err)
	}
	tb := &tab{Page: page, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			tb.logState(b.Name())
		}
		if err := page.Close(); err != nil {
			t.Errorf("close the tab: %v", err)
		}
	})
	return tb
}

// open loads the page of a room in a new tab, or with room "" the home page.
func open(t *testing.T, b browser.Browser, s *server, room string, query url.Values, preload ...string) *tab {
	t.Helper()
	tb := newTab(t, b, preload...)
	address := s.url + "/"
	if room != "" {
		address += "r/" + url.PathEscape(room)
	}
	if query == nil {
		query = url.Values{}
	}
	query.Set("debug", "1")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := tb.Goto(ctx, address+"?"+query.Encode()); err != nil {
		t.Fatalf("%s: %v", b.Name(), err)
	}
	return tb
}

// openAt is open in the browser of a side, with its camera.
func openAt(t *testing.T, at side, s *server, room string, query url.Values) *tab {
	t.Helper()
	b := sharedBrowser(t, at.kind, at.at)
	if b.Name() == "firefox" {
		return open(t, b, s, room, query, cameraOf(at.at).script())
	}
	return open(t, b, s, room, query)
}

// logState logs the state of the page, for a test that has failed.
func (tb *tab) logState(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var state any
	_ = tb.Eval(ctx, `({screen: document.body.dataset.screen, text: document.querySelector("main")?.innerText.slice(0, 600), state: window.callbox?.state})`, &state)
	tb.t.Logf("%s shows %v\nerrors: %q", name, state, tb.Errors())
	png, err := tb.Screenshot(ctx)
	if err != nil {
		return
	}
	file, err := os.CreateTemp("", strings.ReplaceAll(tb.t.Name(), "/", "_")+"-"+name+"-*.png")
	if err != nil {
		return
	}
	if _, err := file.Write(png); err == nil && file.Close() == nil {
		tb.t.Logf("screenshot: %s", file.Name())
	}
}

// eval returns the value of a JavaScript expression, which must not fail.
func eval[V any](tb *tab, expression string) V {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.t.Context(), patience)
	defer cancel()
	var v V
	if err := tb.Eval(ctx, expression, &v); err != nil {
		tb.t.Fatalf("%.60s: %v", expression, err)
	}
	return v
}

// until waits until a JavaScript expression is true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	if err := eventually(tb.t, patience, func() error {
		if !eval[bool](tb, expression) {
			return fmt.Errorf("never true: %s", expression)
		}
		return nil
	}); err != nil {
		tb.t.Fatal(err)
	}
}

// goTo loads an address in the tab.
func (tb *tab) goTo(address string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.t.Context(), patience)
	defer cancel()
	if err := tb.Goto(ctx, address); err != nil {
		tb.t.Fatal(err)
	}
}

func (tb *tab) awaitScreen(name string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("document.body.dataset.screen === %q", name))
}

// click waits until the control is visible and enabled, and clicks it.
func (tb *tab) click(action string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`(() => {
		const button = [...document.querySelectorAll('[data-action=%q]')].find((b) => b.checkVisibility() && !b.disabled);
		button?.click();
		return !!button;
	})()`, action))
}

// join goes from the prejoin screen into the room.
func (tb *tab) join() {
	tb.t.Helper()
	tb.awaitScreen("prejoin")
	tb.until(`(() => {
		const ask = document.querySelector('[data-action="allow"]');
		if (ask?.checkVisibility()) ask.click();
		return document.querySelector('[data-video="preview"]').videoWidth > 0;
	})()`)
	tb.click("join")
}

// observe returns what the probe has observed so far.
func (tb *tab) observe() *observation {
	tb.t.Helper()
	s := eval[observation](tb, "(async () => {"+
		"if (!window.probe) { "+probeJS+" }\n"+
		"if (!callbox.pc) return {}; await probe.watch(callbox.pc); return probe.read(callbox.pc); })()")
	return &s
}

// observeUntil calls observe until the checks find nothing wrong, or the time is over. It
// returns the last observation.
func (tb *tab) observeUntil(want expected) *observation {
	tb.t.Helper()
	var s *observation
	_ = eventually(tb.t, patience, func() error {
		s = tb.observe()
		if f := s.check(want); len(f) > 0 {
			return fmt.Errorf("%v", f)
		}
		if s.FramesEncoded < 3*minBotFrames {
			return fmt.Errorf("the other side may have received too few frames")
		}
		return nil
	})
	return s
}
