package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"callbox/e2e/browser"
)

// TestPage goes through a call of two browsers as people do: they enter names, a
// third person finds the room full, they mute, turn the camera off, share the
// screen, leave and rejoin.
func TestPage(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	const room = "people"
	ann := openAt(t, side{"chromium", "a"}, s, room, url.Values{"lang": {"en"}})
	bo := openAt(t, side{"chromium", "b"}, s, room, url.Values{"lang": {"en"}})
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	both := []*tab{ann, bo}
	for i, tb := range both {
		tb.awaitScreen("call")
		tb.until(fmt.Sprintf(`document.querySelector('[data-tag="remote"]').textContent.includes(%q)`, []string{"Bo", "Ann"}[i]))
		tb.until(`(() => {
			const video = document.querySelector('[data-video="remote"]');
			return video.checkVisibility() && video.videoWidth > 0 && !video.paused && video.currentTime > 0.5
				&& !video.muted && video.srcObject.getAudioTracks().length === 1;
		})()`)
		tb.until(`document.querySelector('[data-quality]').dataset.path === "direct"`)
	}

	testSafety(t, ann, bo)
	testThird(t, s, room)
	testMute(t, ann, bo)
	testCamera(t, ann, bo)
	testScreen(ann, bo)

	bo.click("leave")
	bo.awaitScreen("ended")
	ann.awaitScreen("waiting")
	ann.until(`document.querySelector("[data-waiting-title]").textContent.includes("Bo")`)
	bo.click("rejoin")
	bo.awaitScreen("call")
	ann.awaitScreen("call")
	ann.until(safetyLooks("match")) // It is the same page of Bo's.
	testRejoinMuted(ann, bo)
	for i, tb := range both {
		want := expected{cameraOf([]string{"b", "a"}[i]), "direct"}
		if f := tb.observeUntil(want).check(want); len(f) > 0 {
			t.Errorf("after the rejoin:\n%v", f)
		}
	}
	for _, tb := range both {
		tb.checkFaults(s)
	}
}

// testRejoinMuted has Bo leave while he is muted and his camera is off. When he joins again they still are.
func testRejoinMuted(ann, bo *tab) {
	off := pressed("mute", false) + " && " + pressed("camera", false)
	bo.click("mute")
	bo.click("camera")
	bo.until(off)
	bo.click("leave")
	bo.awaitScreen("ended")
	ann.awaitScreen("waiting")
	bo.click("rejoin")
	bo.awaitScreen("call")
	ann.awaitScreen("call")
	ann.until(`callbox.state.remote && !callbox.state.remote.audio && !callbox.state.remote.video`)
	bo.until(off)
	bo.click("mute")
	bo.click("camera")
	bo.until(pressed("mute", true) + " && " + pressed("camera", true))
}

// testThird joins a room that two peers are in: it is full.
func testThird(t *testing.T, s *server, room string) {
	t.Helper()
	third := openAt(t, side{"chromium", "a"}, s, room, nil)
	third.join()
	third.awaitScreen("full")
	third.checkFaults(s)
}

// testMute checks that Bo hears Ann, does not while she is muted, and does again
// afterwards.
func testMute(t *testing.T, ann, bo *tab) {
	t.Helper()
	heard := func(want bool) {
		t.Helper()
		if err := eventually(t, patience, func() error {
			bo.observe()
			eval[any](bo, "probe.reset()")
			bo.until("probe.read(callbox.pc).then((seen) => seen.samples >= 40)")
			if seen := bo.observe(); (seen.ToneDB > audible) != want {
				return fmt.Errorf("Bo receives sound of %.0f dB, that he hears Ann should be %v", seen.ToneDB, want)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	heard(true)
	ann.click("mute")
	ann.until(pressed("mute", false))
	heard(false)
	ann.click("mute")
	ann.until(pressed("mute", true))
	heard(true)
}

// pressed is an expression: a visible control of the action has that aria-pressed.
func pressed(action string, on bool) string {
	return fmt.Sprintf(`[...document.querySelectorAll('[data-action=%q]')].some((b) => b.checkVisibility() && b.ariaPressed === "%v")`, action, on)
}

// testCamera checks that Bo's page covers Ann's video while her camera is off.
func testCamera(t *testing.T, ann, bo *tab) {
	t.Helper()
	const covered = `document.querySelector('[data-cover="remote"]').checkVisibility()`
	bo.until("!" + covered)
	ann.click("camera")
	bo.until(covered)
	ann.click("camera")
	bo.until("!" + covered)
	eval[any](bo, "probe.reset()")
	if f := bo.observeUntil(expected{red, "direct"}).check(expected{red, "direct"}); len(f) > 0 {
		t.Errorf("after the camera was off and on:\n%v", f)
	}
}

// testScreen checks that Bo sees Ann's screen in addition to her camera.
func testScreen(ann, bo *tab) {
	const shown = `(() => {
		const video = document.querySelector('[data-video="shared"]');
		return video.checkVisibility() && video.videoWidth > 0 && video.currentTime > 0.2;
	})()`
	// Her own page says that she shares.
	const sharing = `document.querySelector("[data-sharing]").checkVisibility()`
	ann.click("screen")
	ann.until(sharing)
	bo.until(shown)
	bo.until(`document.querySelector('[data-video="remote"]').videoWidth > 0`)
	ann.click("screen")
	ann.until("!" + sharing)
	bo.until("!" + shown)
}

// enterName enters a name on the prejoin screen.
func (tb *tab) enterName(name string) *tab {
	tb.t.Helper()
	tb.awaitScreen("prejoin")
	tb.until(fmt.Sprintf(`(() => {
		const input = document.querySelector('[name="name"]');
		input.value = %q;
		return input.dispatchEvent(new Event("input", {bubbles: true}));
	})()`, name))
	return tb
}

// checkFaults fails the test for each fault of the page.
func (tb *tab) checkFaults(s *server) {
	tb.t.Helper()
	for _, fault := range tb.faults(s) {
		tb.t.Error(fault)
	}
}

// faults returns the page's requests to anybody but its own server, and its errors:
// violated policies, exceptions, failed loads.
func (tb *tab) faults(s *server) []string {
	var faults []string
	for _, r := range tb.Requests() {
		address := strings.Replace(strings.TrimPrefix(r.URL, "blob:"), "wss://", "https://", 1)
		if !strings.HasPrefix(address, s.url+"/") && !strings.HasPrefix(r.URL, "data:") {
			faults = append(faults, "a request to a third party: "+r.URL)
		}
	}
	for _, text := range tb.Errors() {
		faults = append(faults, "an error: "+text)
	}
	return faults
}

// TestFaults makes a page do what it must not do, and checks that faults finds it.
func TestFaults(t *testing.T) {
	s := sharedServer(t)
	for what, script := range map[string]string{
		"third party":             `new Image().src = "https://` + sharedLab(t).ServerAddr.String() + `:9/x.png"`,
		"Content Security Policy": `fetch("https://` + sharedLab(t).ServerAddr.String() + `:9/").catch(() => {})`,
		"thrown on purpose":       `setTimeout(() => { throw new Error("thrown on purpose"); })`,
		"404":                     `fetch("/nothing/here")`,
	} {
		t.Run(what, func(t *testing.T) {
			tb := openAt(t, side{"chromium", "a"}, s, "", nil)
			tb.awaitScreen("home")
			tb.checkFaults(s)
			eval[any](tb, "void ("+script+")")
			if err := eventually(t, patience, func() error {
				if faults := strings.Join(tb.faults(s), "\n"); !strings.Contains(faults, what) {
					return fmt.Errorf("found %q, want %s", faults, what)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHome starts a call from the home page, in both languages, and checks the
// page's weight.
func TestHome(t *testing.T) {
	s := sharedServer(t)
	for lang, start := range map[string]string{"en": "Start", "zh": "发起新通话"} {
		t.Run(lang, func(t *testing.T) {
			tb := openAt(t, side{"chromium", "a"}, s, "", url.Values{"lang": {lang}})
			tb.awaitScreen("home")
			tb.until(fmt.Sprintf(`document.documentElement.lang.startsWith(%q)`, lang))
			tb.until(fmt.Sprintf(`document.querySelector('[data-action="start"]').innerText.includes(%q)`, start))
			weight := int64(0)
			for _, r := range tb.Requests() {
				weight += r.Bytes
			}
			if weight == 0 || weight > 150_000 {
				t.Errorf("the page weighs %d bytes in %d requests, want at most 150 KB", weight, len(tb.Requests()))
			}
			tb.click("start")
			tb.awaitScreen("prejoin")
			tb.until(`location.pathname.startsWith("/r/") && location.pathname.length > 15`)
			tb.checkFaults(s)
		})
	}
}

// TestDenied denies access to camera and microphone. The page says so, and offers to
// join without them.
func TestDenied(t *testing.T) {
	s, lab := sharedServer(t), sharedLab(t)
	sharedBrowser(t, "chromium", "a") // skips the test if there is none
	b, err := browser.StartChromium(t.Context(), browser.Options{
		Start: lab.A.Start, CA: s.ca, Ask: true, Flags: []string{"--deny-permission-prompts"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	tb := open(t, b, s, "denied", url.Values{"lang": {"en"}})
	tb.awaitScreen("prejoin")
	// While the permission prompt is open, the page must not say that there is no camera.
	tb.until(`(() => {
		const {mediaDevices} = navigator, ask = mediaDevices.getUserMedia.bind(mediaDevices);
		mediaDevices.getUserMedia = (wanted) => new Promise((done) => { window.answer = () => done(ask(wanted)); });
		return true;
	})()`)
	tb.click("allow")
	tb.until(`!!window.answer && ["videoinput", "audioinput"].every((kind) => {
		const picker = document.querySelector('[data-pickers] [data-picker="' + kind + '"] select');
		return picker.checkVisibility() && picker.selectedOptions[0].textContent !== "None found";
	})`)
	tb.until(`(window.answer(), true)`)
	tb.until(`(() => {
		const card = document.querySelector("[data-problems] .problem");
		return !!card && card.checkVisibility() && card.querySelector("[data-do]").textContent.length > 10;
	})()`)
	tb.click("join-without")
	tb.awaitScreen("waiting")
	bot := startBot(t, lab.B, s, "denied", "udp", 3*time.Second)
	tb.awaitScreen("call")
	tb.until(`document.querySelector('[data-video="remote"]').videoWidth > 0`)
	bot.report(t)
	tb.checkFaults(s)
}
