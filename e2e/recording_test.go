package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbox/e2e/browser"
	"callbox/e2e/need"
	"callbox/peer"
	"callbox/peer/pattern"
)

//go:embed recording.js
var recordingJS string

// recordFull is set by `make long`.
var recordFull = flag.Bool("record.full", false, "record two minutes, with another device, a reconnect and a hidden tab; also in Firefox, and a program that cannot be told")

// beepingVariable makes this test program run as a bot whose sound belongs to its picture.
const beepingVariable = "CALLBOX_E2E_BEEPING_BOT"

// beepingFPS is the frame rate of its picture.
const beepingFPS = 15

func runBeepingBot() {
	cfg, err := botConfig(os.Args[1:])
	if err == nil {
		cfg.Video, cfg.Audio, err = peer.PatternWithBeeps(pattern.Size{Width: 320, Height: 240}, beepingFPS)
	}
	if err != nil {
		panic(err)
	}
	report, err := peer.Run(context.Background(), cfg)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		panic(err)
	}
}

// recording is an expression: this page records, since so many milliseconds.
func recording(ms int) string {
	return fmt.Sprintf(`observed.begun > 0 && Date.now() - observed.begun >= %d`, ms)
}

// stopRecording ends the recording, and waits until it can be saved.
func (tb *tab) stopRecording() {
	tb.t.Helper()
	tb.click("record")
	tb.until(`observed.ended > 0`)
}

// saveKept saves the newest recording that the page offers.
func (tb *tab) saveKept() (file string) {
	tb.t.Helper()
	tb.click("save-kept")
	tb.until(`talk.saved.length > 0`)
	return tb.fetch("talk.saved.at(-1).blob")
}

// checkDuration compares the duration that a file states with that of its content, and
// with the time from the call that begins the recording to the one that ends it.
func (tb *tab) checkDuration(file string) {
	tb.t.Helper()
	stated := probeFile(tb.t, file)
	content := contentEnd(tb.t, file)
	took := eval[float64](tb, "(observed.stopped - observed.called) / 1000")
	tb.t.Logf("the recording took %.2f s, its content has %.2f s, and it says %.2f s", took, content, stated)
	for what, seconds := range map[string]float64{"its content has": content, "it took": took} {
		if math.Abs(stated-seconds) > 0.2 {
			tb.t.Errorf("the recording says that it has %.2f s, but %s %.2f s", stated, what, seconds)
		}
	}
}

// TestRecording records a call with a bot whose beeps belong to frames. The file has both
// sides, says how long it is, and sound and picture fit. With -record.full that is so,
// too, after another device, a new connection and a hidden tab.
func TestRecording(t *testing.T) {
	s, lab := sharedServer(t), sharedLab(t)
	connectClients(t)
	const room = "recording"
	length := 7 * time.Second
	if *recordFull {
		length = 2 * time.Minute
	}
	bot := startOwnBot(t, lab.A, s, room, beepingVariable+"=1", length+time.Minute)
	s.awaitPeers(t, 1)
	b := recordingBrowser(t)
	ann := open(t, b, s, room, url.Values{"lang": {"en"}}, chatJS, recordingJS)
	ann.join()
	ann.awaitScreen("call")
	for _, r := range ann.Requests() {
		if strings.Contains(r.URL, "/record/") {
			t.Errorf("the page loads %s before anybody records", r.URL)
		}
	}
	before := ann.processor(b)
	ann.click("record")
	ann.until(recording(0))
	swapped := 0.0
	if *recordFull {
		t.Logf("the browser needs %.2f processors in a call, and %.2f while it records", before, ann.processor(b))
		swapped = ann.disturb()
	} else {
		ann.until(recording(2000))
		ann.click("camera")
		ann.until(pressed("camera", false))
		ann.until(recording(4500)) // Meanwhile its track ends.
		ann.click("camera")
		ann.until(pressed("camera", true))
	}
	ann.recordsFor(length)
	ann.stopRecording()
	ann.click("leave")
	ann.awaitScreen("ended")
	file := ann.saveKept()
	ann.checkDuration(file)
	checkTogether(t, file, swapped)
	played := eval[struct{ Duration, Width, Played float64 }](ann, "observed.play(talk.saved.at(-1).blob)")
	if math.Abs(played.Duration-length.Seconds()) > 1 || played.Width != 1280 || played.Played < 1 {
		t.Errorf("the browser plays %+v", played)
	}
	if r := bot.report(t); r.Data == nil || !r.Data.Recorded {
		t.Errorf("the bot reports %+v", r.Data)
	}
	s.awaitPeers(t, 0)
	ann.checkFaults(s)
}

// recordingBrowser starts a browser at client b that slows down hidden pages, with two
// cameras and silent microphones.
func recordingBrowser(t *testing.T) browser.Browser {
	t.Helper()
	sharedBrowser(t, "chromium", "b") // skips the test if there is none
	s, lab := sharedServer(t), sharedLab(t)
	silence := filepath.Join(t.TempDir(), "silence.wav")
	if err := os.WriteFile(silence, camera{}.wav(), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := browser.StartChromium(t.Context(), browser.Options{
		Start: lab.B.Start, CA: s.ca, Audio: silence, Throttle: true,
		Flags: []string{"--host-resolver-rules=MAP " + serverName + " " + lab.ServerAddr.String(), "--use-fake-device-for-media-stream=device-count=2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// processor returns how many processors a browser keeps busy for five seconds, which
// only the full test measures.
func (tb *tab) processor(b browser.Browser) float64 {
	tb.t.Helper()
	process, ok := b.(interface{ CPU() (time.Duration, error) })
	if !*recordFull || !ok {
		return 0
	}
	const wait = 5 * time.Second
	used := func() time.Duration {
		used, err := process.CPU()
		if err != nil {
			tb.t.Fatal(err)
		}
		return used
	}
	before := used()
	eval[bool](tb, fmt.Sprintf("new Promise((done) => setTimeout(done, %d, true))", wait.Milliseconds()))
	return (used() - before).Seconds() / wait.Seconds()
}

// recordsFor waits until the recording has that length.
func (tb *tab) recordsFor(length time.Duration) {
	tb.t.Helper()
	if err := eventually(tb.t, length+patience, func() error {
		if !eval[bool](tb, recording(int(length.Milliseconds()))) {
			return fmt.Errorf("the recording is not long enough")
		}
		return nil
	}); err != nil {
		tb.t.Fatal(err)
	}
}

// disturb does to a recording what happens in two minutes: another camera and
// microphone, a new connection, and a hidden tab. It returns when the devices were
// changed, in seconds from the start.
func (tb *tab) disturb() (swapped float64) {
	tb.t.Helper()
	tb.recordsFor(20 * time.Second)
	for _, kind := range []string{"videoinput", "audioinput"} {
		tb.until(fmt.Sprintf(`(() => {
			const menu = document.querySelector('[data-dialog="settings"] [data-picker=%q] select');
			const other = [...menu.options].find(({value}) => value && value !== menu.value);
			if (!other) return false;
			menu.value = other.value;
			return menu.dispatchEvent(new Event("change", {bubbles: true}));
		})()`, kind))
	}
	swapped = eval[float64](tb, `(Date.now() - observed.begun) / 1000`)
	tb.recordsFor(45 * time.Second)
	tb.keepPC()
	eval[any](tb, `(talk.rebuild = true, callbox.pc.restartIce(), null)`)
	tb.until(`window.kept !== callbox.pc && callbox.pc.connectionState === "connected"`)
	tb.recordsFor(70 * time.Second)
	hide := func(hidden bool) {
		tb.t.Helper()
		page, ok := tb.Page.(interface {
			Hide(ctx context.Context, hidden bool) error
		})
		if !ok {
			tb.t.Fatal("this browser cannot hide a page")
		}
		if err := page.Hide(tb.t.Context(), hidden); err != nil {
			tb.t.Fatal(err)
		}
		tb.until(fmt.Sprintf(`document.hidden === %v`, hidden))
	}
	hide(true)
	tb.recordsFor(90 * time.Second)
	hide(false)
	tb.until(recording(100_000))
	return swapped
}

// checkTogether checks that the beeps are heard with their frames: at the start, after
// another device was chosen (seconds from the start, 0 = never), and at the end.
func checkTogether(t *testing.T, file string, swapped float64) {
	t.Helper()
	frames, beeps := shownFrames(t, file), heardBeeps(t, file)
	at, late := offsets(frames, beeps, beepingFPS)
	t.Logf("%d frames show the bot's number; %d beeps are heard, of which %d belong to one", len(frames), len(beeps), len(at))
	const some = 5
	if len(at) < some {
		t.Fatalf("only %d beeps can be compared", len(at))
	}
	from := map[string]int{"at the start": 0, "at the end": len(at) - some}
	for i := range at {
		if swapped > 0 && at[i] > swapped {
			from["after the swap"] = min(i, len(at)-some)
			break
		}
	}
	for where, i := range from {
		offset := median(late[i : i+some])
		t.Logf("%s, sound is %+.0f ms behind the picture: %.0f", where, offset, late[i:i+some])
		if math.Abs(offset) > 80 {
			t.Errorf("%s, sound is %+.0f ms behind the picture", where, offset)
		}
	}
}

// callWithRecorder has Ann, who records, talk to Bo.
func callWithRecorder(t *testing.T, recorder, room string) (s *server, ann, bo *tab) {
	t.Helper()
	s = sharedServer(t)
	connectClients(t)
	english := url.Values{"lang": {"en"}}
	a, scripts := sharedBrowser(t, recorder, "a"), []string{chatJS, recordingJS}
	if recorder == "firefox" {
		scripts = append(scripts, cameraOf("a").script())
	}
	ann = open(t, a, s, room, english, scripts...)
	bo = open(t, sharedBrowser(t, "chromium", "b"), s, room, english, recordingJS)
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	ann.awaitScreen("call")
	bo.awaitScreen("call")
	return s, ann, bo
}

// asksBeforeClosing is an expression: the browser would ask before it closes the page.
const asksBeforeClosing = `!dispatchEvent(new Event("beforeunload", {cancelable: true}))`

const announcedHz = 880 // as in frontend/static/js/record/mixer.js

// TestRecordingIsAnnounced records in Ann's page. Before anything is recorded, Bo's page
// says so and has heard the tone. A reloaded page is told again, and while it cannot be
// told, it is not in the recording.
func TestRecordingIsAnnounced(t *testing.T) {
	s, ann, bo := callWithRecorder(t, "chromium", "announced")
	ann.click("mute") // so that the tone is all that she sends
	ann.until(pressed("mute", false))
	if state := eval[string](bo, fmt.Sprintf("observed.listen(%d)", announcedHz)); state != "running" {
		t.Fatalf("Bo's page cannot listen: %s", state)
	}
	ann.click("record")
	ann.until(recording(0))
	bo.until(`document.querySelector("[data-recording]").textContent === "Ann is recording"`)
	ann.until(`document.querySelector("[data-recording]").textContent.startsWith("You are recording, 0:")`)
	asked := eval[int64](ann, "observed.asked")
	marked, heard := eval[int64](bo, "observed.marked"), eval[int64](bo, "observed.heard")
	t.Logf("the mark was there %d ms before the recorder began, the tone %d ms", asked-marked, asked-heard)
	if marked == 0 || heard == 0 || marked >= asked || heard >= asked {
		t.Errorf("Bo saw the mark at %d and heard the tone at %d; the recorder began at %d", marked, heard, asked)
	}
	ann.click("mute")
	bo.reload()
	bo.enterName("Bo").join()
	bo.awaitScreen("call")
	bo.until(`document.querySelector("[data-recording]").textContent === "Ann is recording"`)
	ann.until(recording(4000))
	ann.until(asksBeforeClosing)
	ann.stopRecording()
	ann.until("!" + asksBeforeClosing)
	bo.until(`document.querySelector("[data-recording]").hidden`)

	// What cannot be said is not done.
	eval[any](ann, `(observed.mute = true, observed.asked = 0, null)`)
	ann.click("record")
	ann.until(`document.querySelector("[data-notice-text]").textContent === "Not recording, because Bo could not be told."`)
	ann.until(`observed.asked === 0 && document.querySelector("[data-recording]").hidden`)
	eval[any](ann, `(observed.mute = false, null)`)

	bo.click("leave")
	bo.awaitScreen("ended")
	ann.click("leave")
	ann.awaitScreen("ended")
	file := ann.saveKept()
	ann.checkDuration(file)
	sound := decodeSound(t, file)
	for who, hz := range map[string]float64{"Ann": red.hz, "Bo": blue.hz} {
		loudest := 0.0
		for from := 0; from+decodedRate/10 <= len(sound); from += decodedRate / 20 {
			loudest = max(loudest, amplitude(sound[from:from+decodedRate/10], hz))
		}
		if loudest < 0.05 {
			t.Errorf("%s is not heard in the recording: %.3f", who, loudest)
		}
	}
	s.awaitPeers(t, 0)
	for _, tb := range []*tab{ann, bo} {
		tb.checkFaults(s)
	}
}

// TestRecordingIsKept kills the browser while it records. At the next visit the page
// offers what was recorded until then, which can be played and says how long it is. With
// -record.full Firefox does, too.
func TestRecordingIsKept(t *testing.T) {
	names := []string{"chromium"}
	if *recordFull {
		names = append(names, "firefox")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { testRecordingIsKept(t, name) })
	}
}

func testRecordingIsKept(t *testing.T, name string) {
	t.Helper()
	sharedServer(t) // the browsers trust its authority
	// The server holds the seat of a killed browser for a while, and other tests count peers.
	s, lab := ownServer(t), sharedLab(t)
	connectClients(t)
	room := "killed-" + name
	profile := t.TempDir()
	b := keepingBrowser(t, name, profile)
	english := url.Values{"lang": {"en"}}
	scripts := []string{chatJS, recordingJS}
	if name == "firefox" {
		scripts = append(scripts, cameraOf("a").script())
	}
	page, err := b.Open(t.Context(), scripts...)
	if err != nil {
		t.Fatal(err)
	}
	ann := &tab{Page: page, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			ann.logState(name)
		}
	})
	ann.goTo(s.url + "/r/" + room + "?debug=1&" + english.Encode())
	ann.join()
	ann.awaitScreen("waiting")
	bot := startOwnBot(t, lab.B, s, room, beepingVariable+"=1", time.Minute)
	ann.awaitScreen("call")
	ann.click("record")
	ann.until(recording(5500) + ` && observed.pieces.some((size) => size > 0)`)
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := bot.process.stop(10 * time.Second); err != nil {
		t.Error(err)
	}

	again := keepingBrowser(t, name, profile)
	ann = open(t, again, s, "", english, chatJS, recordingJS)
	ann.awaitScreen("home")
	ann.until(`document.querySelectorAll("[data-kept-list] li").length === 1`)
	file := ann.saveKept()
	stated := probeFile(t, file)
	if content := contentEnd(t, file); math.Abs(stated-content) > 0.2 || content < 1 {
		t.Errorf("the recording says that it has %.2f s, and has %.2f s", stated, content)
	}
	if frames := shownFrames(t, file); len(frames) < 15 {
		t.Errorf("only %d frames of the recording show the bot", len(frames))
	}
	ann.deletesKept()
	ann.checkFaults(s)
}

// deletesKept deletes the only recording that the page offers, with two clicks. A first click is
// forgotten after some time, or when the focus goes elsewhere.
func (tb *tab) deletesKept() {
	tb.t.Helper()
	const button = `document.querySelector('[data-kept] [data-action="delete-kept"]')`
	for _, forget := range []string{
		button + ".blur()",
		"const now = performance.now.bind(performance); performance.now = () => now() + 8000",
	} {
		eval[any](tb, "("+button+".focus(), null)")
		tb.click("delete-kept")
		tb.until(button + `.innerText === "Delete for good?"`)
		eval[any](tb, "(() => { "+forget+" })()")
		tb.until(button + `.innerText === "Delete"`)
	}
	tb.click("delete-kept")
	tb.until(button + `.innerText === "Delete for good?"`)
	tb.click("delete-kept")
	tb.until(`document.querySelector("[data-kept]").hidden`)
}

// keepingBrowser starts a browser at client a whose profile is kept.
func keepingBrowser(t *testing.T, name, profile string) browser.Browser {
	t.Helper()
	sharedBrowser(t, name, "a") // skips the test if there is none
	s, lab := sharedServer(t), sharedLab(t)
	o := browser.Options{Start: lab.A.Start, Dial: lab.A.DialContext, CA: s.ca, Profile: profile}
	var b browser.Browser
	var err error
	if name == "chromium" {
		o.Flags = []string{"--host-resolver-rules=MAP " + serverName + " " + lab.ServerAddr.String()}
		b, err = browser.StartChromium(t.Context(), o)
	} else {
		o.Prefs = fmt.Sprintf("user_pref(\"network.dns.forceResolve\", %q);\n", lab.ServerAddr)
		b, err = browser.StartFirefox(t.Context(), o)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // One of them was killed.
	return b
}

// withoutDisk is a browser that offers a page no place for a recording but memory.
const withoutDisk = `
	Object.defineProperty(StorageManager.prototype, "getDirectory", {value: undefined});
	window.showSaveFilePicker = undefined;
`

// TestRecordingOfForeignProgram records a program that does not know docs/call.md: the
// page says that it cannot be told, and asks for a second click. The browser has no place
// on disk, and the page says that, too. It takes ten seconds until the page knows that
// the program will not answer, so that is only tested with -record.full.
func TestRecordingOfForeignProgram(t *testing.T) {
	if !*recordFull {
		t.Skip("only with -record.full")
	}
	s := sharedServer(t)
	need.Program(t, "/usr/bin/python3")
	connectClients(t)
	const room = "record-foreign"
	f := startForeign(t, foreignPrograms["aiortc"].run)
	ann := open(t, sharedBrowser(t, "chromium", "a"), s, room, url.Values{"lang": {"en"}}, chatJS, recordingJS, withoutDisk)
	ann.join()
	s.awaitPeers(t, 1)
	leave := f.answer(s, room)
	var connected struct{ Connected bool }
	f.hear(&connected)
	ann.awaitScreen("call")
	ann.click("record") // as soon as the page knows that the program will not say hello
	const question = `document.querySelector("[data-notice-text]").textContent`
	ann.until(question + `.includes("Tell foreign yourself, then click “Record” again.")`)
	ann.until(`observed.asked === 0`)
	ann.click("record")
	ann.until(recording(2500))
	ann.until(question + ` === "This browser can keep the recording only in memory, up to 500 MB (about 25 minutes). Save it when it has ended."`)
	leave() // The recording ends with the call.
	ann.until(`observed.ended > 0`)
	ann.click("leave")
	ann.awaitScreen("ended")
	ann.until(`document.querySelector("[data-kept-text]")?.textContent.endsWith(" · Gone when you close this page") === true`)
	ann.checkDuration(ann.saveKept())
	s.awaitPeers(t, 0)
	ann.checkFaults(s)
}
