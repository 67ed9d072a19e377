package e2e

import (
	"net/url"
	"testing"
)

// TestInCall uses what a page offers beside a call: the picture in picture, which Firefox
// does not have for pages, music, whose two channels only Chromium analyses here, less
// data, and the sound of a shared screen, which Firefox cannot share here.
func TestInCall(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann, bo := callWithDevices(t, s, "in-call", "chromium")
	testPicture(ann)
	testSaver(t, ann)
	testMusic(ann, bo)
	testScreenSound(ann, bo)
	leaveAll(t, s, ann, bo)
	for _, tb := range []*tab{ann, bo} {
		tb.checkFaults(s)
	}
}

// TestArrival checks how a waiting page in a hidden tab announces the other person.
func TestArrival(t *testing.T) {
	for _, kind := range []string{"chromium", "firefox"} {
		t.Run(kind, func(t *testing.T) {
			s := sharedServer(t)
			connectClients(t)
			query := url.Values{"lang": {"en"}}
			ann := open(t, sharedBrowser(t, kind, "a"), s, "arrival", query, twoCameras("a"))
			bo := open(t, sharedBrowser(t, "chromium", "b"), s, "arrival", query, twoCameras("b"))
			ann.enterName("Ann").join()
			ann.awaitScreen("waiting")
			if err := ann.Cover(t.Context()); err != nil {
				t.Fatal(err)
			}
			ann.until("document.hidden")
			bo.enterName("Bo").join()
			ann.until(`chimes === 1 && document.title === "● Somebody has joined – callbox"`)
			ann.until(`notifications.length === 1 && notifications[0].title === "Bo has joined" && asked === 0`)
			if !eval[bool](ann, "document.hidden") {
				t.Error("the page is not hidden")
			}
			leaveAll(t, s, ann, bo)
			ann.checkFaults(s)
		})
	}
}

// testPicture opens the picture in picture, mutes and hangs up there.
func testPicture(tb *tab) {
	tb.t.Helper()
	const small = `documentPictureInPicture.window`
	tb.click("more")
	tb.click("picture")
	tb.until(`(() => {
		const video = ` + small + `?.document.querySelector("video");
		return video?.videoWidth > 0 && !video.paused && video.currentTime > 0.3 && video.muted;
	})()`)
	// It is styled, and its controls are as large as a finger.
	tb.until(`[...` + small + `.document.querySelectorAll("button")].every((button) => {
		const {width, height} = button.getBoundingClientRect();
		return Math.min(width, height) >= 44 && button.ariaLabel;
	})`)
	const mute = small + `.document.querySelector('[data-action="mute"]')`
	for _, pressed := range []string{"false", "true"} {
		tb.until(`(` + mute + `.click(), true)`)
		tb.until(mute + `.ariaPressed === "` + pressed + `" && callbox.state.media.audio === ` + pressed)
	}
	tb.click("more")
	tb.click("picture")
	tb.until(small + ` === null`)
}

// set switches a setting.
func (tb *tab) set(name string, on bool) {
	tb.t.Helper()
	tb.until(`(() => {
		const input = document.querySelector('[data-dialog="settings"] [data-setting="` + name + `"]');
		if (input.checked !== ` + map[bool]string{true: "true", false: "false"}[on] + `) input.click();
		return true;
	})()`)
}

// testSaver has Ann send less data.
func testSaver(t *testing.T, ann *tab) {
	t.Helper()
	const encoding = `callbox.pc.getSenders().find(({track}) => track?.kind === "video").getParameters().encodings[0]`
	negotiated := eval[int](ann, "window.negotiated")
	ann.set("saver", true)
	ann.until(encoding + `.maxBitrate === 250000`)
	ann.set("saver", false)
	ann.until(encoding + `.maxBitrate > 250000`)
	if after := eval[int](ann, "window.negotiated"); after != negotiated {
		t.Errorf("descriptions set: %d before, %d after", negotiated, after)
	}
}

// testMusic has Ann send music of which only the left channel sounds.
func testMusic(ann, bo *tab) {
	ann.set("music", true)
	bo.until(`(async () => {
		if (window.channels === undefined) {
			const track = document.querySelector('[data-video="remote"]').srcObject.getAudioTracks()[0];
			const context = new AudioContext();
			const splitter = new ChannelSplitterNode(context, {numberOfOutputs: 2});
			context.createMediaStreamSource(new MediaStream([track])).connect(splitter);
			const meters = [0, 1].map((channel) => {
				const meter = new AnalyserNode(context);
				splitter.connect(meter, channel);
				return meter;
			});
			window.channels = () => meters.map((meter) => {
				const samples = new Float32Array(meter.fftSize);
				meter.getFloatTimeDomainData(samples);
				return Math.max(...samples);
			});
		}
		const [left, right] = window.channels();
		return left > 0.2 && right < 0.02;
	})()`)
	ann.set("music", false)
	bo.until(`(() => {
		const [left, right] = window.channels();
		return left > 0.02 && Math.abs(left - right) < 0.01;
	})()`)
}

// testScreenSound has Ann share a screen with its sound.
func testScreenSound(ann, bo *tab) {
	ann.click("screen")
	bo.until(`(() => {
		const video = document.querySelector('[data-video="shared"]');
		return video.checkVisibility() && video.videoWidth > 0 && !video.muted && video.srcObject.getAudioTracks().length === 1;
	})()`)
	bo.until(`callbox.pc.getStats().then((all) => [...all.values()].filter(({type, kind, packetsReceived}) =>
		type === "inbound-rtp" && kind === "audio" && packetsReceived > 20).length === 2)`)
	ann.click("screen")
	bo.until(`!document.querySelector('[data-video="shared"]').checkVisibility()`)
}
