package e2e

import (
	"context"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"callbox/e2e/browser"
	"callbox/e2e/netlab"
)

// sitePage is a page with a frame. It keeps the messages that it gets.
var sitePage = template.Must(template.New("").Parse(`<!doctype html><title>A site</title>
<script>
	window.messages = [];
	addEventListener("message", ({data, origin, source}) =>
		messages.push({data, origin, frame: source === document.querySelector("iframe").contentWindow}));
	const command = (name, frame = document.querySelector("iframe").contentWindow) =>
		frame.postMessage({target: "callbox", command: name}, "*");
</script>
<iframe src="{{.src}}" allow="{{.allow}}" {{if .sandboxed}}sandbox="{{.sandbox}}"{{end}} width="600" height="600"></iframe>
`))

const allowDevices = "camera; microphone; display-capture; autoplay"

// startSite starts a web site on a loopback address of a namespace. Its page shows the
// frame that its query describes.
func startSite(t *testing.T, n *netlab.Namespace) *httptest.Server {
	t.Helper()
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = sitePage.Execute(w, map[string]any{ // fails if the browser is gone
			"src": query.Get("src"), "allow": query.Get("allow"), "sandboxed": query.Has("sandbox"), "sandbox": query.Get("sandbox"),
		})
	}))
	var listener net.Listener
	if err := n.Do(func() error {
		var err error
		listener, err = net.Listen("tcp4", "127.0.0.1:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := site.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	site.Listener = listener
	site.Start()
	t.Cleanup(site.Close)
	return site
}

// framePage is a frame of a page.
type framePage struct {
	browser.Page
	url string
}

// Eval evaluates an expression in the frame.
func (f framePage) Eval(ctx context.Context, expression string, result any) error {
	return f.EvalIn(ctx, f.url, expression, result)
}

// frame waits for the frame at an address, and returns it as a tab.
func (tb *tab) frame(address string) *tab {
	tb.t.Helper()
	f := &tab{Page: framePage{tb.Page, address}, t: tb.t}
	if err := eventually(tb.t, patience, func() error {
		return f.Eval(tb.t.Context(), "true", nil)
	}); err != nil {
		tb.t.Fatal(err)
	}
	return f
}

// sites are what the test of frames needs: the server, two sites that it allows to show
// calls, and one that it does not.
type sites struct {
	*server
	at                  side
	shop, help, foreign string
}

// TestEmbedded shows calls in frames of allowed, foreign, nested and sandboxing sites.
func TestEmbedded(t *testing.T) {
	for _, kind := range []string{"chromium", "firefox"} {
		t.Run(kind, func(t *testing.T) {
			sharedServer(t)
			lab := sharedLab(t)
			connectClients(t)
			shop, help, foreign := startSite(t, lab.A), startSite(t, lab.A), startSite(t, lab.A)
			w := sites{at: side{kind, "a"}, shop: strings.Replace(shop.URL, "127.0.0.1", "localhost", 1), help: help.URL, foreign: foreign.URL}
			w.server = startServer(t, "--base-path", "/call/", "--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", "", "--limit-joins", "0",
				"--allow-embed", w.shop, "--allow-embed", w.help)
			w.url += "/call"
			t.Cleanup(func() {
				if err := w.stop(); err != nil {
					t.Error(err)
				}
			})
			t.Run("allowed", w.testAllowed)
			t.Run("nested", w.testNested)
			t.Run("foreign", w.testForeign)
			t.Run("sandboxed", w.testSandboxed)
			t.Run("without devices", w.testWithoutDevices)
		})
	}
}

// address returns that of a site's page with a frame at src, followed by more of the
// frame's attributes as name, value.
func address(site, src string, attributes ...string) string {
	query := url.Values{"src": {src}, "allow": {allowDevices}}
	for i := 0; i+1 < len(attributes); i += 2 {
		query.Set(attributes[i], attributes[i+1])
	}
	return site + "/?" + query.Encode()
}

// room returns the address of a room's page for frames.
func (w sites) room(room string) string {
	return w.url + "/embed/" + room + "?debug=1&lang=en&name=Zoe"
}

func (w sites) open(t *testing.T, address string) *tab {
	t.Helper()
	tb := newTab(t, sharedBrowser(t, w.at.kind, w.at.at))
	tb.goTo(address)
	return tb
}

// untouched is an expression: nothing in the page has asked for camera or microphone,
// although the browser would not ask the user.
const untouched = `(async () => {
	for (const name of ["camera", "microphone"])
		if ((await navigator.permissions.query({name}).catch(() => ({state: "granted"}))).state === "denied") return false;
	await new Promise(requestAnimationFrame);
	return callbox.state.media.capture === "idle" && document.querySelector('[data-action="join"]').checkVisibility();
})()`

type message struct {
	Data struct {
		Source, Event, Quality, Reason string
	}
	Origin string
	Frame  bool
}

func (w sites) testAllowed(t *testing.T) {
	site := w.open(t, address(w.shop, w.room("framed")+"&prejoin=0&camera=0"))
	call := site.frame(w.url + "/embed/framed")
	call.awaitScreen("prejoin")
	call.until(untouched)
	if link := eval[bool](call, `document.querySelector(".brand").checkVisibility() || document.querySelector(".preview .pane").checkVisibility()`); link {
		t.Error("the frame shows the way to the home page, or more than its button")
	}
	call.click("join")
	call.awaitScreen("waiting")
	call.until(`callbox.state.media.audio && !callbox.state.media.video && callbox.state.name === "Zoe"`)
	if link := eval[string](call, `document.querySelector("[data-link]").value`); link != w.url+"/r/framed" {
		t.Errorf("the link to pass on is %q", link)
	}
	startBot(t, sharedLab(t).B, w.server, "framed", "udp", time.Minute)
	call.awaitScreen("call")
	call.click("camera")
	call.until("callbox.state.media.video")
	site.until(`messages.some(({data}) => data.event === "quality")`)

	eval[any](site, `command("mute")`)
	call.until("!callbox.state.media.audio")
	eval[any](site, `command("hide-camera")`)
	call.until("!callbox.state.media.video")
	for _, name := range []string{"unmute", "show-camera", "mute", "hide-camera"} {
		eval[any](site, fmt.Sprintf("command(%q)", name))
	}
	// The next command is obeyed after all of these.
	eval[any](site, `command("hang-up")`)
	call.awaitScreen("ended")
	if eval[bool](call, `[...document.querySelectorAll('[data-action="new-call"]')].some((b) => b.checkVisibility())`) {
		t.Error("the frame offers another room")
	}
	site.until(`messages.some(({data}) => data.event === "left")`)
	w.checkMessages(t, eval[[]message](site, "messages"))
	for _, secret := range []string{"Zoe", "framed", "candidate", sharedLab(t).AAddr.String(), "v=0"} {
		if text := eval[string](site, "JSON.stringify(messages.map(({data}) => data))"); strings.Contains(text, secret) {
			t.Errorf("the site learns %q: %s", secret, text)
		}
	}
}

// checkMessages checks the events of a whole call.
func (w sites) checkMessages(t *testing.T, messages []message) {
	t.Helper()
	origin := strings.TrimSuffix(w.url, "/call")
	var events []string
	for _, m := range messages {
		if m.Origin != origin || !m.Frame || m.Data.Source != "callbox" {
			t.Errorf("a message from somewhere else: %+v", m)
		}
		if n := len(events); n == 0 || events[n-1] != m.Data.Event {
			events = append(events, m.Data.Event)
		}
	}
	if got := strings.Join(events, " "); got != "joined connected quality left" {
		t.Errorf("the site was told %q", got)
	}
	if last := messages[len(messages)-1].Data.Reason; last != "left" {
		t.Errorf("the call has ended because of %q", last)
	}
}

func (w sites) testNested(t *testing.T) {
	inner := address(w.shop, w.room("nested"))
	top := w.open(t, address(w.help, inner))
	middle := top.frame(w.shop + "/")
	call := top.frame(w.url + "/embed/nested")
	call.join()
	call.awaitScreen("waiting")
	middle.until(`messages.some(({data}) => data.event === "joined")`)
	eval[any](top, `command("hang-up", frames[0].frames[0])`) // The top window is not the parent.
	eval[any](top, `command("mute", frames[0].frames[0])`)
	eval[any](middle, `command("hide-camera")`)
	call.until("!callbox.state.media.video")
	call.until("callbox.state.media.audio && callbox.state.screen === 'waiting'")
	if told := eval[int](top, "messages.length"); told != 0 {
		t.Errorf("the top window is told %d messages", told)
	}
	// An allowed site in a frame of a foreign one.
	w.blocked(t, address(w.foreign, inner))
}

func (w sites) testForeign(t *testing.T) {
	w.blocked(t, address(w.foreign, w.room("foreign")))
	// The page in a tab is in no frame, of whatever site.
	w.blocked(t, address(w.shop, w.url+"/r/foreign"))
}

// blocked checks that the browser does not show the call, because of who would show it.
func (w sites) blocked(t *testing.T, address string) {
	t.Helper()
	site := w.open(t, address)
	if err := eventually(t, patience, func() error {
		// Chromium says so on the console, Firefox in the frame.
		if errs := strings.Join(site.Errors(), "\n"); strings.Contains(errs, "frame-ancestors") {
			return nil
		}
		var shown string
		err := site.EvalIn(t.Context(), w.url, "document.documentURI", &shown)
		if err != nil || !strings.Contains(shown, "cspBlocked") {
			return fmt.Errorf("%s: the frame shows %q, %w, want that the policy forbids it", address, shown, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	var shown bool
	if err := site.EvalIn(t.Context(), w.url, `document.querySelector("main") !== null`, &shown); err == nil && shown {
		t.Errorf("%s shows the call", address)
	}
}

func (w sites) testSandboxed(t *testing.T) {
	site := w.open(t, address(w.shop, w.room("sandbox"), "sandbox", "allow-scripts"))
	call := site.frame(w.url + "/embed/sandbox")
	call.until(`document.body.innerText.includes("allow-same-origin") && !document.querySelector("main").checkVisibility()`)

	site = w.open(t, address(w.shop, w.room("sandbox"), "sandbox", "allow-scripts allow-same-origin allow-forms"))
	call = site.frame(w.url + "/embed/sandbox")
	call.until(`!document.querySelector(".stuck").checkVisibility()`)
	call.awaitScreen("prejoin")
	call.until(untouched)
	call.join()
	call.awaitScreen("waiting")
	site.until(`messages.some(({data}) => data.event === "joined")`)
}

// testWithoutDevices shows the call in a frame that may not use devices.
func (w sites) testWithoutDevices(t *testing.T) {
	site := w.open(t, address(w.shop, w.room("poor"), "allow", ""))
	call := site.frame(w.url + "/embed/poor")
	call.awaitScreen("prejoin")
	call.click("allow")
	call.until(`document.querySelector('[data-problems] [data-problem="embedded"] [data-action="open-tab"]')?.checkVisibility() === true`)
	call.click("join-without")
	call.awaitScreen("waiting")
}
