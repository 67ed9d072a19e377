package e2e

import (
	_ "embed"
	"fmt"
	"image/color"
	"net/url"
	"strings"
	"testing"

	"callbox/e2e/browser"
)

//go:embed incall.js
var inCallJS string

// rear is what the rear camera of both clients shows.
var rear = camera{colour: color.RGBA{40, 160, 60, 255}}

// twoCameras returns the script that gives a page two cameras and two microphones.
func twoCameras(side string) string {
	rgb := func(c color.RGBA) string { return fmt.Sprintf("%d, %d, %d", c.R, c.G, c.B) }
	return strings.NewReplacer("COLOUR", rgb(cameraOf(side).colour), "OTHER", rgb(rear.colour)).Replace(inCallJS)
}

// callWithDevices makes a call between two people who each have two cameras and two
// microphones. Bo uses the browser of this kind.
func callWithDevices(t *testing.T, s *server, room, kind string) (ann, bo *tab) {
	t.Helper()
	query := url.Values{"lang": {"en"}}
	ann = open(t, sharedBrowser(t, "chromium", "a"), s, room, query, twoCameras("a"))
	bo = open(t, sharedBrowser(t, kind, "b"), s, room, query, twoCameras("b"))
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	ann.awaitScreen("call")
	bo.awaitScreen("call")
	return ann, bo
}

// TestDevicesInCall changes, turns, switches off and unplugs devices during a call, in
// Chromium and in Firefox. Nothing is negotiated, and the other side sees and hears on.
func TestDevicesInCall(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann, bo := callWithDevices(t, s, "devices", "firefox")
	bo.sees(cameraOf("a"))
	ann.sees(cameraOf("b"))
	const negotiated = "window.negotiated"
	before := [2]int{eval[int](ann, negotiated), eval[int](bo, negotiated)}
	testDevices(t, ann, bo, cameraOf("a"))
	testDevices(t, bo, ann, cameraOf("b"))
	if after := [2]int{eval[int](ann, negotiated), eval[int](bo, negotiated)}; after != before {
		t.Errorf("descriptions set: %v before, %v after", before, after)
	}
	leaveAll(t, s, ann, bo)
	for _, tb := range []*tab{ann, bo} {
		tb.until(`live("video").length + live("audio").length === 0`)
		tb.checkFaults(s)
	}
}

// sees waits until the page receives a moving picture of that camera.
func (tb *tab) sees(c camera) {
	tb.t.Helper()
	tb.until(`(async () => {
		if (!window.probe) { ` + probeJS + ` }
		return probe.watch(callbox.pc);
	})()`)
	eval[any](tb, "probe.reset()")
	if err := eventually(tb.t, patience, func() error {
		seen := tb.observe()
		if d := c.distance(seen.Colour); seen.Samples == 0 || d > colourTolerance {
			eval[any](tb, "probe.reset()")
			return fmt.Errorf("sees the colour %.0f, %.0f away", seen.Colour, d)
		}
		if seen.Changes < minChanges {
			return fmt.Errorf("the picture has changed %d times", seen.Changes)
		}
		return nil
	}); err != nil {
		tb.t.Fatal(err)
	}
}

// hearsMore waits until more sound arrives.
func (tb *tab) hearsMore() {
	tb.t.Helper()
	const heard = `callbox.pc.getStats().then((all) =>
		[...all.values()].find(({type, kind}) => type === "inbound-rtp" && kind === "audio").packetsReceived)`
	tb.until(fmt.Sprintf("(%s).then((packets) => packets > %d)", heard, eval[int](tb, heard)+50))
}

// chooseDevice selects a device in the settings.
func (tb *tab) chooseDevice(kind, id string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf(`(() => {
		const picker = document.querySelector('[data-dialog="settings"] [data-picker=%q] select');
		picker.value = %q;
		return picker.dispatchEvent(new Event("change"));
	})()`, kind, id))
	tb.until(fmt.Sprintf(`callbox.state.media.selected[%q] === %q`, kind, id))
}

// testDevices changes the devices of one page; the other one watches.
func testDevices(t *testing.T, own, other *tab, front camera) {
	t.Helper()
	own.click("more")
	own.click("flip")
	other.sees(rear)
	// It is not mirrored: text in the picture can be read.
	own.until(`!document.querySelector('[data-video="self"]').classList.contains("mirror")`)
	own.chooseDevice("videoinput", "front")
	other.sees(front)
	own.chooseDevice("audioinput", "built-in")
	own.chooseDevice("audioinput", "headset")
	other.hearsMore()
	own.until(`live("audio").length === 1 && live("audio")[0].getSettings().deviceId === "headset"`)

	// The camera that is off is released: its light goes out.
	own.click("camera")
	other.until(`document.querySelector('[data-cover="remote"]').checkVisibility()`)
	own.until(`live("video").length === 0 && callbox.pc.getSenders().every(({track}) => track?.kind !== "video")`)
	own.click("camera")
	other.until(`!document.querySelector('[data-cover="remote"]').checkVisibility()`)
	other.sees(front)

	// The headset goes: another microphone takes its place, and the page says so.
	own.until(`unplug("headset")`)
	own.until(`document.querySelector("[data-notice]").checkVisibility() &&
		document.querySelector("[data-notice-text]").innerText.includes("The microphone is disconnected")`)
	own.until(`live("audio").length === 1 && live("audio")[0].getSettings().deviceId === "built-in"`)
	own.until(pressed("mute", true))
	other.hearsMore()
	own.click("dismiss")
	// Whoever is muted stays so.
	own.click("mute")
	own.until(pressed("mute", false))
	own.until(`unplug("built-in")`)
	own.until(`live("audio").length === 0`)
	own.until(pressed("mute", false))
	// The camera goes: the other one takes its place.
	own.until(`unplug("front")`)
	own.until(`document.querySelector("[data-notice-text]").innerText.includes("The camera is disconnected")`)
	other.sees(rear)
	own.click("dismiss")
}

// press presses keys.
func (tb *tab) press(keys ...string) {
	tb.t.Helper()
	if err := tb.Press(tb.t.Context(), keys...); err != nil {
		tb.t.Fatal(err)
	}
}

// focused is an expression for the action of what has the focus.
const focused = `document.activeElement?.getAttribute("data-action")`

// TestKeyboard uses the menu, the shortcuts and the user's own picture by the keyboard
// alone, and the picture by the mouse, in Chromium and in Firefox.
func TestKeyboard(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann, bo := callWithDevices(t, s, "keyboard", "firefox")
	for _, tb := range []*tab{ann, bo} {
		testMenu(tb)
		testShortcuts(tb)
		testLetters(tb)
		testSelfView(t, tb)
	}
	leaveAll(t, s, ann, bo)
	for _, tb := range []*tab{ann, bo} {
		tb.checkFaults(s)
	}
}

// testMenu opens the menu and walks through it.
func testMenu(tb *tab) {
	tb.t.Helper()
	const open = `document.querySelector("[data-menu]").checkVisibility()`
	const first = `[...document.querySelectorAll('[role="menuitem"]')].find((item) => item.checkVisibility())`
	const last = `[...document.querySelectorAll('[role="menuitem"]')].findLast((item) => item.checkVisibility())`
	eval[any](tb, `void document.querySelector('[data-action="more"]').focus()`)
	tb.press("Enter")
	tb.until(open + ` && document.activeElement === ` + first)
	tb.press("ArrowUp")
	tb.until(`document.activeElement === ` + last)
	tb.press("ArrowDown")
	tb.until(`document.activeElement === ` + first)
	tb.press("End")
	tb.press("Home")
	tb.until(`document.activeElement === ` + first)
	tb.press("Escape")
	tb.until("!" + open + ` && ` + focused + ` === "more"`)
	tb.press("ArrowUp")
	tb.until(`document.activeElement === ` + last)
	tb.press("Tab") // to the volume
	tb.until(`document.activeElement === document.querySelector("[data-volume]")`)
	tb.press("ArrowLeft")
	tb.until(`document.querySelector('[data-video="remote"]').volume === 0.95`)
	tb.press("Escape")
	tb.until("!" + open + ` && ` + focused + ` === "more"`)
	tb.press("ArrowDown")
	tb.press("Tab")
	tb.press("Tab") // to what is behind the menu
	tb.until("!" + open + ` && ` + focused + ` === "leave"`)
	// A dialog that the menu has opened returns the focus to its button.
	eval[any](tb, `void document.querySelector('[data-action="more"]').focus()`)
	tb.press("ArrowUp")
	tb.until(focused + ` === "settings"`)
	tb.press("Enter")
	tb.until(`document.querySelector('[data-dialog="settings"]').open`)
	tb.press("Escape")
	tb.until(`!document.querySelector('[data-dialog="settings"]').open && ` + focused + ` === "more"`)
}

// testShortcuts presses keys that work always, and in a field, where none does.
func testShortcuts(tb *tab) {
	tb.t.Helper()
	for _, shortcut := range []struct{ key, action, off, on string }{
		{"d", "mute", "Microphone off", "Microphone on"}, {"e", "camera", "Camera off", "Camera on"},
	} {
		for _, on := range []bool{false, true} {
			tb.press("Control", shortcut.key)
			tb.until(pressed(shortcut.action, on))
			announced := map[bool]string{false: shortcut.off, true: shortcut.on}[on]
			tb.until(fmt.Sprintf(`document.querySelector("[data-announce]").textContent.includes(%q)`, announced))
		}
	}
	tb.click("chat")
	tb.until(`(() => {
		const field = document.querySelector("[data-composer] textarea");
		field.focus();
		return document.activeElement === field;
	})()`)
	for _, key := range []string{"?", "m"} {
		tb.press(key)
	}
	tb.press("Control", "d")
	tb.until(`document.querySelector("[data-composer] textarea").value === "?m"`)
	tb.until(pressed("mute", true) + ` && !document.querySelector('[data-dialog="keys"]').open`)
	eval[any](tb, `void (document.querySelector("[data-composer] textarea").value = "")`)
	tb.click("close-chat")
}

// testLetters opens the list of the shortcuts, and switches single letters on.
func testLetters(tb *tab) {
	tb.t.Helper()
	eval[any](tb, `void document.activeElement.blur()`)
	tb.press("m")
	tb.press("?")
	const dialog = `document.querySelector('[data-dialog="keys"]')`
	tb.until(dialog + ".open && " + pressed("mute", true))
	tb.until(`[...document.querySelectorAll("[data-keys] kbd")].filter((k) => k.checkVisibility()).map((k) => k.textContent).join() === "Ctrl+D,Ctrl+E,?"`)
	tb.until(`(() => {
		const letters = ` + dialog + `.querySelector('[data-setting="letters"]');
		letters.click();
		return letters.checked;
	})()`)
	tb.until(`[...document.querySelectorAll('[data-keys] [data-key="mute"] kbd')].map((k) => k.textContent).join() === "Ctrl+D,M"`)
	tb.press("m") // A dialog has the focus.
	tb.press("Escape")
	tb.until("!" + dialog + ".open && " + pressed("mute", true))
	eval[any](tb, `void document.activeElement.blur()`)
	tb.press("m")
	tb.until(pressed("mute", false))
	tb.press("m")
	tb.until(pressed("mute", true))
	tb.press("c")
	tb.until(`document.querySelector("[data-chat]").checkVisibility()`)
	tb.press("Escape")
	tb.until(`localStorage.getItem("callbox.settings.letters") === "1"`)
}

// corner is an expression for the corner that the user's own picture is in.
const corner = `(() => {
	const own = document.querySelector('[data-pane="self"]').getBoundingClientRect();
	const all = document.querySelector(".panes").getBoundingClientRect();
	const near = (a, b) => Math.abs(a - b) < 20;
	const y = near(own.top, all.top) ? "top" : near(own.bottom, all.bottom) ? "bottom" : "?";
	return y + "-" + (near(own.left, all.left) ? "left" : near(own.right, all.right) ? "right" : "?");
})()`

// testSelfView moves and hides the user's own picture.
func testSelfView(t *testing.T, tb *tab) {
	t.Helper()
	tb.until(corner + ` === "bottom-right"`)
	eval[any](tb, `void document.querySelector('[data-action="move-self"]').focus()`)
	for _, step := range [][2]string{
		{"ArrowUp", "top-right"}, {"ArrowLeft", "top-left"}, {"ArrowLeft", "top-left"}, {"ArrowDown", "bottom-left"}, {"Enter", "top-left"},
	} {
		tb.press(step[0])
		tb.until(corner + fmt.Sprintf(` === %q`, step[1]))
	}
	middle := eval[browser.Point](tb, `(() => {
		const {x, y, width, height} = document.querySelector('[data-pane="self"]').getBoundingClientRect();
		return {X: Math.round(x + width / 2), Y: Math.round(y + height / 2)};
	})()`)
	size := eval[browser.Point](tb, `({X: innerWidth, Y: innerHeight})`)
	drag := func(from, to browser.Point, want string) {
		t.Helper()
		if err := tb.Drag(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		tb.until(corner + fmt.Sprintf(` === %q`, want))
	}
	drag(middle, browser.Point{X: size.X * 0.7, Y: middle.Y + 20}, "top-right")
	drag(browser.Point{X: size.X - middle.X, Y: middle.Y}, browser.Point{X: size.X - middle.X - 3, Y: middle.Y}, "bottom-right") // a click
	tb.until(`localStorage.getItem("callbox.settings.corner") === "bottom-right"`)
	tb.click("more")
	tb.click("hide-self")
	tb.until(`!document.querySelector('[data-pane="self"]').checkVisibility()`)
	tb.click("more")
	tb.click("hide-self")
	tb.until(`document.querySelector('[data-pane="self"]').checkVisibility()`)
}
