package e2e

import (
	"fmt"
	"net/url"
	"testing"
)

// TestByKeyboardAlone has Ann make a whole call without a mouse: she looks at the settings, enters
// her name, joins, mutes, opens the menu, compares the safety code, writes, sends and takes a file,
// records, hangs up, and saves and deletes the recording. With -gallery.full she does in Firefox, too.
func TestByKeyboardAlone(t *testing.T) {
	kinds := []string{"chromium"}
	if *galleryFull {
		kinds = append(kinds, "firefox")
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := sharedServer(t)
			connectClients(t)
			english := url.Values{"lang": {"en"}}
			scripts := []string{chatJS}
			if kind == "firefox" {
				scripts = append(scripts, cameraOf("a").script())
			}
			room := "keys-" + kind
			ann := open(t, sharedBrowser(t, kind, "a"), s, room, english, scripts...)
			bo := open(t, sharedBrowser(t, "chromium", "b"), s, room, english, chatJS)
			ann.awaitScreen("prejoin")
			if kind == "firefox" { // It does not start before a click.
				ann.tabTo(`[data-action="allow"]`)
				ann.press("Enter")
			}
			ann.until(`callbox.state.media.capture === "done"`)
			testKeysInSettings(ann)
			ann.tabTo(`[name="name"]`)
			ann.types("Ann")
			ann.tabTo(`[data-action="join"]`)
			ann.press("Enter")
			ann.awaitScreen("waiting")
			bo.enterName("Bo").join()
			bo.awaitScreen("call")
			ann.awaitScreen("call")
			testKeysInCall(ann)
			testKeysInChat(ann, bo)
			ann.tabTo(`.controls [data-action="record"]`)
			ann.press("Enter")
			bo.visible("[data-recording]")
			ann.until(`/You are recording, 0:0[2-9]/.test(document.querySelector("[data-recording]").textContent)`)
			ann.press("Enter")
			ann.until(`document.querySelector("[data-recording]").hidden`)
			ann.tabTo(`.controls [data-action="leave"]`)
			ann.press("Enter")
			ann.awaitScreen("ended")
			testKeysWithRecording(ann)
			ann.tabTo(`[data-action="rejoin"]`)
		})
	}
}

func testKeysInSettings(ann *tab) {
	const hidden = `document.querySelector('[data-dialog="settings"] [data-setting="selfHidden"]')`
	ann.tabTo(`.prejoin [data-action="settings"]`)
	ann.press("Enter")
	for range 2 {
		was := eval[bool](ann, hidden+".checked")
		ann.tabTo(`[data-setting="selfHidden"]`)
		ann.press(" ")
		ann.until(fmt.Sprintf("%s.checked === %v", hidden, !was))
	}
	ann.press("Escape")
	ann.until(`document.activeElement.matches('.prejoin [data-action="settings"]')`)
}

func testKeysInCall(ann *tab) {
	ann.tabTo(`.controls [data-action="mute"]`)
	ann.press(" ")
	ann.until(pressed("mute", false))
	ann.press(" ")
	ann.until(pressed("mute", true))

	ann.tabTo(`[data-action="more"]`)
	ann.press("Enter")
	ann.until(`document.activeElement.matches('[role="menuitem"]')`)
	ann.press("ArrowDown")
	ann.press("Escape")
	ann.until(`document.activeElement.matches('[data-action="more"]')`)

	ann.until(safetyLooks("code"))
	ann.tabTo(`[data-action="safety"]`)
	ann.press("Enter")
	ann.tabTo(`[data-action="safety-match"]`)
	ann.press("Enter")
	ann.until(safetyLooks("match"))
	ann.until(`document.activeElement.matches('[data-action="safety"]')`)
}

func testKeysInChat(ann, bo *tab) {
	ann.tabTo(`.controls [data-action="chat"]`)
	ann.press("Enter")
	ann.until(`!!document.querySelector("[data-composer] textarea:enabled") && document.activeElement.matches("#chat-title, [data-composer] textarea")`)
	ann.tabTo(`[data-composer] textarea`)
	ann.types("Hello")
	ann.press("Enter")
	bo.click("chat")
	bo.hears("Hello")

	// The browser's own window for choosing a file is no part of the page.
	eval[any](ann, `(document.querySelector("[data-attach]").addEventListener("click", (event) => {
		event.preventDefault();
		void talk.choose("plan.pdf", 0, 1000);
	}), null)`)
	ann.tabTo(`[data-action="attach"]`)
	ann.press("Enter")
	bo.click("take-file")
	ann.until(`document.querySelector('[data-transfer="own"]').dataset.state === "done"`)
	eval[any](bo, `talk.choose("answer.pdf", 0, 1000)`)
	ann.tabTo(`[data-action="take-file"]`)
	ann.press("Enter")
	ann.tabTo(`[data-action="save-file"]`)
	ann.press("Enter")
	ann.until(`talk.saved.some(({name}) => name === "answer.pdf")`)
	ann.press("Escape")
}

func testKeysWithRecording(ann *tab) {
	ann.tabTo(`[data-action="save-kept"]`)
	ann.press("Enter")
	ann.until(`talk.saved.some(({name}) => name.startsWith("callbox-"))`)
	ann.tabTo(`[data-action="delete-kept"]`)
	ann.press("Enter")
	ann.press("Enter")
	ann.until(`document.querySelector("[data-kept]").hidden`)
}

func (tb *tab) types(text string) {
	tb.t.Helper()
	for _, letter := range text {
		tb.press(string(letter))
	}
}

// tabTo presses Tab until the element has the focus, and checks that one sees it there. Where the
// element comes first it presses Shift, too: from the end of a page Tab leads to the browser's own
// controls.
func (tb *tab) tabTo(selector string) {
	tb.t.Helper()
	const stops = 60 // of all that can have the focus
	tb.visible(selector)
	keys := []string{"Tab"}
	if eval[bool](tb, fmt.Sprintf(`(() => {
		const element = [...document.querySelectorAll(%s)].find((each) => each.checkVisibility());
		const focus = document.activeElement;
		return focus !== document.body && (element.compareDocumentPosition(focus) & Node.DOCUMENT_POSITION_FOLLOWING) > 0;
	})()`, jsString(selector))) {
		keys = []string{"Shift", "Tab"}
	}
	for range stops {
		if eval[bool](tb, fmt.Sprintf("document.activeElement.matches(%s)", jsString(selector))) {
			if !eval[bool](tb, `(() => {
				const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
				return document.activeElement.matches(":focus-visible") && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
			})()`) {
				tb.t.Errorf("%s has the focus, and nothing shows it", selector)
			}
			return
		}
		tb.press(keys...)
	}
	tb.t.Fatalf("Tab does not lead to %s; the focus is on %s", selector, eval[string](tb, "document.activeElement.outerHTML.slice(0, 200)"))
}
