package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// failingDevices replaces getUserMedia. window.failure(wanted) returns the name and message of the error to fail with,
// "never" for a permission prompt that stays open, or null to succeed. window.permission is the state that
// permissions.query reports, and window.asked counts the calls.
const failingDevices = `
	window.asked = 0;
	window.permission = "prompt";
	window.failure = () => null;
	navigator.permissions.query = async () => Object.assign(new EventTarget(), {state: window.permission});
	const {mediaDevices} = navigator;
	if (mediaDevices) {
		const real = mediaDevices.getUserMedia.bind(mediaDevices);
		mediaDevices.getUserMedia = async (wanted) => {
			window.asked++;
			const failure = window.failure(wanted);
			if (failure === "never") return new Promise(() => {});
			if (failure) throw new DOMException(failure[1] ?? "", failure[0]);
			return real(wanted);
		};
	}
`

// card is what the page says about a problem with camera or microphone.
type card struct {
	Code, Title, Text string
	Actions           []string
	Lowest            float64 // of its buttons, in CSS pixels
}

const cardShown = `(() => {
	const card = document.querySelector("[data-problems] .problem");
	if (!card?.checkVisibility()) return null;
	const buttons = [...card.querySelectorAll("button")];
	return {
		Code: card.dataset.problem,
		Title: card.querySelector("[data-title]").innerText,
		Text: card.querySelector("[data-do]").innerText,
		Actions: buttons.map((button) => button.dataset.action),
		Lowest: Math.min(...buttons.map((button) => button.getBoundingClientRect().height)),
	};
})()`

// card waits for the card about a problem.
func (tb *tab) card(code string) card {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`%s?.Code === %q`, cardShown, code))
	return eval[card](tb, cardShown)
}

// choose selects another language.
func (tb *tab) choose(language string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`(() => {
		const menu = document.querySelector("[data-language]");
		menu.value = %q;
		return menu.dispatchEvent(new Event("change"));
	})()`, language))
	tb.until(fmt.Sprintf("document.documentElement.lang.startsWith(%q)", language))
}

// TestProblems makes camera and microphone fail in every way, and reads what the page says in both languages.
func TestProblems(t *testing.T) {
	s := sharedServer(t)
	query := url.Values{"lang": {"en"}}
	tb := open(t, sharedBrowser(t, "chromium", "a"), s, "problems", query, failingDevices)
	address := eval[string](tb, "location.href")
	for _, test := range []struct {
		name, message, permission, kind string
		code, en, zh, action            string
	}{
		{"NotAllowedError", "Permission denied", "denied", "", "blocked", "Camera and microphone are blocked", "摄像头和麦克风", "retry-devices"},
		{"NotAllowedError", "Permission dismissed", "prompt", "", "dismissed", "No permission", "授权", "retry-devices"},
		{"NotAllowedError", "Permission denied by system", "prompt", "", "system", "blocked by your system", "系统", "retry-devices"},
		{"NotFoundError", "", "prompt", "video", "missing", "No camera found", "未找到摄像头", "join"},
		{"NotFoundError", "", "prompt", "audio", "missing", "No microphone found", "未找到麦克风", "join"},
		{"NotFoundError", "", "prompt", "", "missing", "No camera or microphone found", "未找到摄像头或麦克风", "join-without"},
		{"NotReadableError", "", "granted", "video", "busy", "The camera is in use by another program", "摄像头被其他程序占用", "retry-devices"},
		{"AbortError", "", "granted", "audio", "busy", "The microphone is in use by another program", "麦克风被其他程序占用", "retry-devices"},
		{"OverconstrainedError", "", "prompt", "video", "missing", "No camera found", "未找到摄像头", "join"},
		{"SecurityError", "", "prompt", "", "embedded", "This page is not allowed to use your devices", "无权使用", "open-tab"},
		{"UnknownError", "", "prompt", "", "other", "Camera and microphone are not working", "无法工作", "retry-devices"},
	} {
		t.Run(test.name+" "+test.kind, func(t *testing.T) {
			tb.t = t
			tb.goTo(address)
			tb.awaitScreen("prejoin")
			// The user is told first, and asked only after a click.
			tb.until(`["allow", "join"].every((action) => document.querySelector('[data-action="' + action + '"]').checkVisibility())`)
			if asked := eval[int](tb, "asked"); asked != 0 {
				t.Errorf("the page asked for permission %d times before a click", asked)
			}
			eval[any](tb, fmt.Sprintf(`void (window.failure = (wanted) => {
				window.permission = %q; // after the user's answer
				return %q === "" || wanted[%[2]q] ? [%q, %q] : null;
			})`, test.permission, test.kind, test.name, test.message))
			tb.click("allow")
			en := tb.card(test.code)
			if !strings.Contains(en.Title, test.en) || len(en.Text) < 10 || en.Lowest < 44 || !slices.Contains(en.Actions, test.action) {
				t.Errorf("the page says %+v, want %q and %q", en, test.en, test.action)
			}
			tb.choose("zh")
			tb.until(fmt.Sprintf(`%s.Title.includes(%q)`, cardShown, test.zh))
			tb.choose("en")
		})
	}
	t.Run("remedies", func(t *testing.T) { testRemedies(t, tb, address) })
	tb.t = t
	t.Run("insecure", func(t *testing.T) {
		testNoDevices(t, "insecure", `Object.defineProperty(window, "isSecureContext", {value: false});
			Object.defineProperty(navigator, "mediaDevices", {value: undefined});`)
	})
	t.Run("unsupported", func(t *testing.T) {
		testNoDevices(t, "unsupported", `Object.defineProperty(navigator, "mediaDevices", {value: undefined});`)
	})
	tb.checkFaults(s)
}

// testRemedies presses the buttons of the cards.
func testRemedies(t *testing.T, tb *tab, address string) {
	t.Helper()
	tb.t = t
	fail := func(failure string) {
		tb.goTo(address)
		tb.awaitScreen("prejoin")
		eval[any](tb, "void (window.failure = "+failure+")")
		tb.click("allow")
	}
	fail(`() => ["NotReadableError"]`)
	tb.card("busy")
	eval[any](tb, `void (window.failure = () => null)`)
	tb.click("retry-devices")
	tb.until(`document.querySelector('[data-video="preview"]').videoWidth > 0 && ` + cardShown + ` === null`)

	fail(`() => ["SecurityError"]`)
	tb.card("embedded")
	eval[any](tb, `void (window.open = (address) => { window.opened = address; })`)
	tb.click("open-tab")
	if opened := eval[string](tb, "opened"); opened != strings.Split(address, "?")[0] {
		t.Errorf("the page opened %q, want %q", opened, address)
	}

	fail(`({video}) => video ? ["NotFoundError"] : null`)
	tb.card("missing")
	tb.until(`!document.querySelector('.join-actions [data-action="join"]').disabled`)
	tb.until(`(document.querySelector('.problem [data-action="join"]')?.click(), document.body.dataset.screen === "waiting")`)

	// A permission prompt that stays open does not keep the user from joining.
	fail(`() => "never"`)
	tb.until(`callbox.state.media.capture === "asking"`)
	tb.click("join-without")
	tb.awaitScreen("waiting")
}

// testNoDevices opens the page where it has no devices, and joins without them.
func testNoDevices(t *testing.T, code, script string) {
	t.Helper()
	s := sharedServer(t)
	tb := open(t, sharedBrowser(t, "chromium", "a"), s, "no-devices-"+code, url.Values{"lang": {"en"}}, script)
	tb.awaitScreen("prejoin")
	if got := tb.card(code); !slices.Equal(got.Actions, []string{"join-without"}) || len(got.Text) < 10 {
		t.Errorf("the page says %+v", got)
	}
	tb.until(`(document.querySelector('.problem [data-action="join-without"]')?.click(), document.body.dataset.screen === "waiting")`)
	tb.checkFaults(s)
}

// recordSent keeps what the page sends over WebSockets.
const recordSent = `
	window.sent = [];
	const send = WebSocket.prototype.send;
	WebSocket.prototype.send = function (data) { sent.push(String(data)); return send.call(this, data); };
`

// TestHiddenAddress joins with "Hide my address": the connection is relayed, and nothing that the page sends names the
// address. A server without a relay is said to have none.
func TestHiddenAddress(t *testing.T) {
	s, lab := sharedServer(t), sharedLab(t)
	connectClients(t)
	a := sharedBrowser(t, "chromium", "a")
	const checked = `document.querySelector('[name="relay"]').checked`
	ann := open(t, a, s, "hidden", url.Values{"lang": {"en"}}, recordSent)
	ann.awaitScreen("prejoin")
	ann.until(`(document.querySelector('[name="relay"]').click(), ` + checked + `)`)
	ann.goTo(eval[string](ann, "location.href")) // The page remembers it.
	ann.awaitScreen("prejoin")
	ann.until(checked)
	ann.join()
	ann.awaitScreen("waiting")
	bo := openAt(t, side{"chromium", "b"}, s, "hidden", url.Values{"lang": {"en"}})
	bo.join()
	want := expected{blue, "udp"}
	seen := ann.observeUntil(want)
	if seen.Local != "relay" {
		t.Errorf("the connection is %+v", seen)
	}
	bo.awaitScreen("call")
	if seen := bo.observe(); seen.Remote != "relay" && seen.Remote != "prflx" {
		t.Errorf("the other side's connection is %+v", seen)
	}
	sent := eval[string](ann, `sent.join("\n")`)
	if !strings.Contains(sent, " typ relay") {
		t.Error("no relayed candidate was sent")
	}
	for _, no := range []string{" typ host", " typ srflx", " typ prflx", lab.AAddr.String()} {
		if strings.Contains(sent, no) {
			t.Errorf("the page sent %q", no)
		}
	}
	ann.checkFaults(s)

	without := startServer(t, "--turn-udp", "", "--turn-tcp", "", "--turn-tls", "")
	t.Cleanup(func() {
		if err := without.stop(); err != nil {
			t.Error(err)
		}
	})
	ann = open(t, a, without, "hidden", url.Values{"lang": {"en"}})
	ann.awaitScreen("prejoin")
	ann.until(`(document.querySelector('[name="relay"]').click(), ` + checked + `)`)
	ann.join()
	ann.awaitScreen("ended")
	ann.until(`document.querySelector("[data-ended-title]").innerText.includes("cannot be hidden")`)
	ann.click("rejoin-shown")
	ann.awaitScreen("waiting")
	ann.checkFaults(without)
}

// TestRoomLink passes the link to the room on: copied, and as a QR code that the page draws itself. No request carries it.
func TestRoomLink(t *testing.T) {
	s := sharedServer(t)
	const room = "link-in-a-code"
	tb := open(t, sharedBrowser(t, "chromium", "a"), s, room, url.Values{"lang": {"en"}},
		`navigator.clipboard.writeText = async (text) => { window.copied = text; }`)
	tb.join()
	tb.awaitScreen("waiting")
	link := s.url + "/r/" + room
	tb.click("copy-link")
	tb.until(fmt.Sprintf("window.copied === %q", link))
	before := len(tb.Requests())
	tb.click("show-code")
	tb.until(`(() => {
		const dialog = document.querySelector('[data-dialog="code"]'), code = dialog.querySelector("[data-code]");
		return dialog.open && code.checkVisibility() && code.querySelector("path").getAttribute("d").length > 500;
	})()`)
	if shown := eval[string](tb, `document.querySelector("[data-code-link]").innerText`); shown != link {
		t.Errorf("the dialog shows %q, want %q", shown, link)
	}
	requests := tb.Requests()[before:]
	if len(requests) == 0 {
		t.Error("the code's module was there before it was needed")
	}
	for _, r := range requests {
		if strings.Contains(r.URL, room) {
			t.Errorf("a request carries the link: %s", r.URL)
		}
	}
	tb.checkFaults(s)
}
