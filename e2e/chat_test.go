package e2e

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

//go:embed chat.js
var chatJS string

// TestChat has two people, one with Firefox and one with Chromium, write to each other
// and send each other files.
func TestChat(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	english := url.Values{"lang": {"en"}}
	firefox := sharedBrowser(t, "firefox", "a")
	ann := open(t, firefox, s, "chat", english, cameraOf("a").script(), chatJS)
	bo := open(t, sharedBrowser(t, "chromium", "b"), s, "chat", english, chatJS)
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	ann.awaitScreen("call")
	bo.awaitScreen("call")

	testTexts(t, ann, bo)
	testInert(t, ann, bo)
	testFile(t, ann, bo)
	testFile(t, bo, ann)
	testCutFile(t, ann, bo)

	// What was received can be saved after the call, too.
	bo.click("leave")
	bo.awaitScreen("ended")
	bo.until(`document.querySelector("[data-unsaved]").checkVisibility()`)
	ann.click("leave")
	ann.awaitScreen("ended")
	s.awaitPeers(t, 0)
	for _, tb := range []*tab{ann, bo} {
		tb.checkFaults(s)
	}
}

// say writes a text into the field of the chat, and sends it.
func (tb *tab) say(text string) {
	tb.t.Helper()
	tb.until(`!document.querySelector("[data-composer] textarea").disabled`)
	tb.until(fmt.Sprintf(`(() => {
		const field = document.querySelector("[data-composer] textarea");
		field.value = %s;
		field.dispatchEvent(new Event("input", {bubbles: true}));
		document.querySelector('[data-action="send"]').click();
		return field.value === "";
	})()`, jsString(text)))
}

// jsString returns a literal of JavaScript. That of JSON is one.
func jsString(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(literal)
}

// texts is an expression for the texts of the other side, as the page shows them.
const texts = `[...document.querySelectorAll('[data-timeline] [data-entry="other"] .bubble')].map((bubble) => bubble.textContent)`

// hears waits until the newest text of the other side is this one.
func (tb *tab) hears(text string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`%s.at(-1) === %s`, texts, jsString(text)))
}

// testTexts writes in both directions: an unread one is marked, and one that has arrived
// says so.
func testTexts(t *testing.T, ann, bo *tab) {
	t.Helper()
	ann.click("chat")
	eval[any](ann, `(document.querySelector("[data-chat-scroll]").click(), null)`) // does nothing
	ann.say("Hello,\nBo")
	bo.until(`document.querySelector("[data-unread]").checkVisibility() && document.querySelector("[data-unread]").textContent === "1"`)
	bo.until(`document.title.startsWith("(1)")`)
	bo.until(`document.querySelector("[data-announce]").textContent.includes("Hello")`)
	bo.click("chat")
	bo.hears("Hello,\nBo")
	bo.until(`!document.querySelector("[data-unread]").checkVisibility()`)
	ann.until(`document.querySelector('[data-entry="own"][data-state="delivered"]') !== null`)
	bo.say("你好 https://a.example/b?c=d。")
	ann.hears("你好 https://a.example/b?c=d。")
	ann.until(`(() => {
		const link = document.querySelector("[data-timeline] a");
		return link.href === "https://a.example/b?c=d" && link.textContent === link.href
			&& link.target === "_blank" && link.rel === "noopener noreferrer";
	})()`)
}

// testInert sends what could do harm if it were more than text.
func testInert(t *testing.T, ann, bo *tab) {
	t.Helper()
	const shown = `document.querySelectorAll("[data-timeline] *").length`
	for _, text := range []string{
		`<img src=x onerror="window.harm=1"><script>window.harm=1</script>`,
		"javascript:window.harm=1",
		"[x](javascript:window.harm=1) data:text/html,<script>window.harm=1</script>",
		"https://bank.example@evil.example/",
		"\u202etxet sdrawkcab \u2066\u2067\u202d",
		strings.Repeat("👍", 4000),
		"{{constructor.constructor('window.harm=1')()}} ${window.harm=1} &lt;b&gt;",
	} {
		before := eval[int](ann, shown)
		bo.say(text)
		ann.hears(text)
		// Its row, and in it the paragraphs, time, state and button that every text has.
		if added := eval[int](ann, shown) - before; added != 7 {
			t.Errorf("%.40q adds %d elements to the page, want 7", text, added)
		}
	}
	ann.until(`window.harm === undefined && document.querySelectorAll("[data-timeline] a").length === 1`)
	// An override ends with its text.
	ann.until(`[...document.querySelectorAll("[data-timeline] .bubble")].every((bubble) =>
		["isolate", "plaintext", "isolate-override"].includes(getComputedStyle(bubble).unicodeBidi))`)
	// Nothing is wider than the drawer.
	ann.until(`(() => {
		const scroll = document.querySelector("[data-chat-scroll]");
		return scroll.scrollWidth <= scroll.clientWidth;
	})()`)
}

// transfer is an expression for the newest file of the page.
const transfer = `[...document.querySelectorAll("[data-timeline] [data-transfer]")].at(-1)`

// awaitTransfer waits until the newest file has that state.
func (tb *tab) awaitTransfer(state string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`%s?.dataset.state === %q`, transfer, state))
}

// clickTransfer clicks a button of the newest file.
func (tb *tab) clickTransfer(action string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`(() => {
		const button = %s?.querySelector('[data-action=%q]');
		const can = button?.checkVisibility() && !button.disabled;
		if (can) button.click();
		return !!can;
	})()`, transfer, action))
}

// testFile sends a file of some megabytes. It arrives intact, with a harmless name and type.
func testFile(t *testing.T, from, to *tab) {
	t.Helper()
	before := eval[int](to, "talk.saved.length")
	eval[bool](from, `talk.choose("../x/pa\u202egejpg.html", 5, 12345)`)
	to.awaitTransfer("offered")
	to.clickTransfer("take-file")
	from.awaitTransfer("done")
	to.awaitTransfer("done")
	if saved := eval[int](to, "talk.saved.length"); saved != before {
		t.Error("the file was saved without a click")
	}
	checkSaved(t, to, 5, 12345)
	if got := eval[[]string](to, `[talk.saved.at(-1).name, talk.saved.at(-1).type]`); got[0] != "pagejpg.html" || got[1] != "application/octet-stream" {
		t.Errorf("the file is saved as %q", got)
	}
}

// checkSaved saves the newest file, and compares it with the one that was chosen.
func checkSaved(t *testing.T, tb *tab, blocks, rest int) {
	t.Helper()
	tb.clickTransfer("save-file")
	if fault := eval[string](tb, fmt.Sprintf("talk.compare(%d, %d)", blocks, rest)); fault != "" {
		t.Errorf("the file that arrived is not the one that was sent: %s", fault)
	}
}

// testCutFile loses a file in the middle, and has Bo ask for a new connection. The file
// goes on at the border of a block, and a text that was lost arrives once.
func testCutFile(t *testing.T, ann, bo *tab) {
	t.Helper()
	eval[any](ann, `(talk.passed = 0, talk.limit = 3.5 * 2 ** 20, null)`)
	eval[bool](ann, `talk.choose("cut.bin", 6, 99)`)
	bo.awaitTransfer("offered")
	bo.clickTransfer("take-file")
	ann.awaitTransfer("checking") // Everything is sent, and a part of it is lost.
	ann.keepPC()
	eval[any](ann, `(talk.limit = Infinity, null)`)
	eval[any](bo, `(talk.takes = [], talk.rebuild = true, callbox.pc.restartIce(), null)`)
	ann.until(`window.kept !== callbox.pc`)
	ann.awaitTransfer("done")
	bo.awaitTransfer("done")
	if takes := eval[[]int](bo, "talk.takes"); len(takes) != 1 || takes[0] != 3<<20 {
		t.Errorf("on the new connection Bo asked for the file from %d on, want %d", takes, 3<<20)
	}
	checkSaved(t, bo, 6, 99)
	ann.say("after the cut")
	bo.hears("after the cut")
}

// filesFull is set by `make long`.
var filesFull = flag.Bool("files.full", false, "send 200 MB of files while video flows, not only some megabytes")

// TestFiles sends four files at once, which were chosen, dropped and pasted. With -files.full they have 200 MB, and the
// connection is rebuilt twice: the files arrive intact, video goes on in both directions, and the pages need no more
// memory.
func TestFiles(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	blocks := 2
	if *filesFull {
		blocks = 48
	}
	const rest = 77
	ann := open(t, sharedBrowser(t, "chromium", "a"), s, "files", url.Values{"lang": {"en"}}, chatJS)
	bo := open(t, sharedBrowser(t, "chromium", "b"), s, "files", url.Values{"lang": {"en"}}, chatJS)
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	ann.awaitScreen("call")
	ann.click("chat")
	bo.click("chat")
	ann.until(`!document.querySelector('[data-action="attach"]').disabled`)
	ways := []string{"button", "drop", "paste", "drop"}
	for n, way := range ways {
		eval[bool](ann, fmt.Sprintf(`talk.choose("%d.bin", %d, %d, %q)`, n, blocks, rest, way))
	}
	bo.until(fmt.Sprintf(`document.querySelectorAll('[data-timeline] [data-action="take-file"]:not([hidden], :disabled)').length === %d`, len(ways)))
	if *filesFull {
		for _, tb := range []*tab{ann, bo} {
			eval[any](tb, `(talk.measure(), null)`)
		}
	}
	eval[any](bo, `document.querySelectorAll('[data-timeline] [data-action="take-file"]').forEach((button) => button.click())`)
	if *filesFull {
		for cut := range 2 {
			bo.until(fmt.Sprintf(`talk.received() >= %f`, 1.2*float64(cut+1)))
			bo.keepPC()
			eval[any](bo, `(talk.rebuild = true, callbox.pc.restartIce(), null)`)
			bo.until(`window.kept !== callbox.pc && callbox.pc.connectionState === "connected"`)
		}
	}
	done := fmt.Sprintf(`document.querySelectorAll('[data-timeline] [data-transfer][data-state="done"]').length === %d`, len(ways))
	if err := eventually(t, 3*time.Minute, func() error {
		if !eval[bool](ann, done) || !eval[bool](bo, done) {
			return errors.New("the files have not arrived")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if *filesFull {
		ann.checkMeasured("Ann")
		bo.checkMeasured("Bo")
	}
	for n := range ways {
		eval[any](bo, fmt.Sprintf(`document.querySelectorAll('[data-timeline] [data-action="save-file"]')[%d].click()`, n))
		if fault := eval[string](bo, fmt.Sprintf("talk.compare(%d, %d)", blocks, rest)); fault != "" {
			t.Errorf("file %d: %s", n, fault)
		}
	}
	leaveAll(t, s, ann, bo)
	ann.checkFaults(s)
	bo.checkFaults(s)
}

// checkMeasured checks the frames of each second, but for those in which a connection was rebuilt, and the memory.
func (tb *tab) checkMeasured(name string) {
	tb.t.Helper()
	measured := eval[struct{ Frames, Heap []float64 }](tb, "talk.measured") // in a second, and in bytes
	if len(measured.Frames) < 5 {
		tb.t.Fatalf("%s's page was measured for %d seconds only", name, len(measured.Frames))
	}
	frames := slices.Sorted(slices.Values(measured.Frames))
	growth := slices.Max(measured.Heap) - measured.Heap[0]
	tb.t.Logf("%s receives %.1f frames a second at the median, and %.1f at the least; memory grows from %.1f MB by %.1f MB",
		name, frames[len(frames)/2], frames[0], measured.Heap[0]/1e6, growth/1e6)
	// Two connections are rebuilt, each within two of these seconds.
	if least := frames[min(4, len(frames)/4)]; least < 24 {
		tb.t.Errorf("%s receives %.1f frames a second, want 24: %.1f", name, least, measured.Frames)
	}
	// Less than half of what was sent: what the browser has not collected yet counts, too.
	if growth > 100e6 {
		tb.t.Errorf("%s's page needs %.0f MB more while files are sent", name, growth/1e6)
	}
}
