package e2e

import (
	"fmt"
)

// view is a screen or a dialog, or a state of one.
type view struct {
	name string
	// show makes a page show it, and returns the page. It begins where the view before it
	// has ended.
	show func(g *gallery) *tab
	// sideways says that it is worth a picture on a phone held sideways.
	sideways bool
	// failing says that the browser reports an error as a part of it.
	failing bool
	// harmless says that the views after it do not depend on it.
	harmless bool
}

const galleryRoom = "quiet-river-lamp"

// views are all screens and dialogs of the page, in the order of a visit. The tests of
// accessibility and the pictures in docs/page share the list; TestGallery notices what it lacks.
var views = []view{
	{name: "home", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.awaitScreen("home")
		return tb
	}, harmless: true},
	{name: "home-error", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.awaitScreen("home")
		tb.until(`(() => {
			document.querySelector('[name="room"]').value = "lamp?!lamp";
			document.querySelector(".join-room").requestSubmit();
			return document.querySelector("#home-error").textContent !== "";
		})()`)
		return tb
	}, harmless: true},
	{name: "permission", show: func(g *gallery) *tab {
		return g.openIn(0, galleryRoom, asking).visible(`[data-action="allow"]`)
	}, harmless: true},
	{name: "blocked", show: func(g *gallery) *tab {
		tb := g.openIn(0, galleryRoom, asking)
		tb.click("allow")
		return tb.visible(`[data-problem="blocked"]`)
	}, harmless: true},
	{name: "test-call", show: func(g *gallery) *tab {
		tb := g.openIn(0, "echo")
		tb.until(`document.querySelector('[data-video="preview"]').videoWidth > 0`)
		return tb.visible("[data-test-call]")
	}, harmless: true},
	{name: "prejoin", show: func(g *gallery) *tab {
		g.ann = g.openIn(0, galleryRoom)
		g.ann.enterName("Ann")
		g.ann.until(`document.querySelector('[data-video="preview"]').videoWidth > 0 && callbox.state.media.capture === "done"
			&& document.querySelector("[data-hearing]").textContent !== ""`)
		return g.ann
	}},
	{name: "prejoin-check", show: func(g *gallery) *tab {
		g.ann.click("quick-check")
		return g.ann.visible("[data-ticks-more]")
	}},
	{name: "waiting", show: func(g *gallery) *tab {
		g.ann.join()
		g.ann.awaitScreen("waiting")
		return g.ann
	}, sideways: true},
	{name: "code", show: func(g *gallery) *tab {
		g.ann.click("show-code")
		return g.ann.visible(`[data-dialog="code"]`)
	}},
	{name: "connecting", show: func(g *gallery) *tab {
		g.ann.closeDialog()
		// A page that joins and never answers.
		silent := g.openIn(1, galleryRoom, `RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {});
			RTCPeerConnection.prototype.setLocalDescription = () => new Promise(() => {})`)
		silent.until(`(() => {
			document.querySelector('[name="name"]').value = "Bo";
			return true;
		})()`)
		silent.join()
		g.bo = silent
		g.ann.awaitScreen("connecting")
		return g.ann.visible(`[data-card="connecting"]`) // after a while
	}, sideways: true},
	{name: "full", show: func(g *gallery) *tab {
		third := g.openIn(1, galleryRoom)
		third.join()
		third.awaitScreen("full")
		return third
	}},
	{name: "call", show: func(g *gallery) *tab {
		g.bo.goTo(g.url) // It leaves, unless it has given up connecting meanwhile.
		g.bo = g.openIn(1, galleryRoom)
		g.ann.awaitScreen("waiting")
		g.bo.enterName("Bo").join()
		for _, tb := range []*tab{g.ann, g.bo} {
			tb.awaitScreen("call")
			tb.until(`document.querySelector('[data-video="remote"]').videoWidth > 0 && document.querySelector("[data-quality]").checkVisibility()`)
		}
		g.ann.until(safetyLooks("code"))
		return g.ann
	}, sideways: true},
	{name: "menu", show: func(g *gallery) *tab {
		g.ann.click("more")
		return g.ann.visible("#more-menu")
	}, sideways: true},
	{name: "settings", show: func(g *gallery) *tab {
		return g.ann.dialog("settings")
	}},
	{name: "keys", show: func(g *gallery) *tab {
		return g.ann.dialog("keys")
	}},
	{name: "connection", show: func(g *gallery) *tab {
		return g.ann.dialog("connection")
	}, sideways: true},
	{name: "safety", show: func(g *gallery) *tab {
		return g.ann.dialog("safety")
	}},
	{name: "chat", show: func(g *gallery) *tab {
		g.ann.closeDialog()
		g.ann.click("chat")
		g.bo.click("chat")
		g.ann.say("Hello Bo, can you hear me?")
		g.bo.say("Loud and clear. The plan is at https://example.org/plan")
		eval[any](g.ann, `talk.choose("plan.pdf", 0, 48211)`)
		g.bo.click("take-file")
		g.ann.until(`document.querySelector('[data-transfer="own"]')?.dataset.state === "done"`)
		eval[any](g.bo, `talk.choose("photo from the river.jpg", 2, 1000)`)
		return g.ann.visible(`[data-action="take-file"]`)
	}, sideways: true},
	{name: "shared", show: func(g *gallery) *tab {
		g.ann.click("close-chat")
		g.bo.click("screen")
		g.ann.until(`document.querySelector('[data-video="shared"]').currentTime > 0.5`)
		return g.ann.visible(`[data-video="shared"]`)
	}, sideways: true},
	{name: "camera-off", show: func(g *gallery) *tab {
		g.bo.click("screen")
		g.bo.click("camera")
		g.bo.click("mute")
		return g.ann.visible(`[data-cover="remote"]`)
	}, sideways: true},
	{name: "recording", show: func(g *gallery) *tab {
		g.bo.click("camera")
		g.bo.click("mute")
		g.ann.click("record")
		g.ann.visible("[data-recording]")
		g.bo.visible("[data-recording]")
		return g.ann
	}, sideways: true},
	{name: "recorded", show: func(g *gallery) *tab {
		return g.bo.visible("[data-recording]")
	}},
	{name: "left", show: func(g *gallery) *tab {
		g.bo.click("leave")
		g.ann.awaitScreen("waiting")
		return g.ann
	}},
	{name: "ended", show: func(g *gallery) *tab {
		g.ann.click("leave")
		g.ann.awaitScreen("ended")
		return g.ann.visible("[data-kept]") // the recording
	}, harmless: true},
	{name: "check", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.goTo(g.url + "/check?lang=en")
		return tb.visible(`[data-action="start"]`)
	}, harmless: true},
	{name: "check-result", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.goTo(g.url + "/check?lang=en")
		tb.until(`document.body.dataset.phase === "idle"`) // Its texts are loaded.
		tb.click("start")
		if err := eventually(tb.t, 2*patience, func() error { // Each relay is measured for five seconds.
			if phase := eval[string](tb, "document.body.dataset.phase"); phase != "ended" {
				return fmt.Errorf("the check is %s", phase)
			}
			return nil
		}); err != nil {
			tb.t.Fatal(err)
		}
		return tb
	}, harmless: true},
	{name: "embedded", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.goTo(g.url + "/embed/" + galleryRoom + "?prejoin=0&lang=en")
		return tb.visible(`[data-action="join"]`)
	}, harmless: true},
	{name: "nothing-here", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.goTo(g.url + "/nothing/here")
		return tb
	}, harmless: true, failing: true},
	{name: "authority", show: func(g *gallery) *tab {
		tb := g.openIn(0, "")
		tb.goTo(g.url + "/ca")
		return tb
	}, harmless: true},
}

// namedDevices gives the devices names as a person's have. The browser names a camera that plays
// a file by its path.
const namedDevices = `
	const names = {videoinput: "HD Webcam", audioinput: "Headset", audiooutput: "Headset"};
	const {enumerateDevices} = MediaDevices.prototype;
	MediaDevices.prototype.enumerateDevices = async function () {
		const seen = {};
		return (await enumerateDevices.call(this)).map(({kind, deviceId, groupId}) => {
			seen[kind] = (seen[kind] ?? 0) + 1;
			const label = seen[kind] > 1 ? names[kind] + " " + seen[kind] : names[kind];
			return {kind, deviceId, groupId, label: deviceId && label};
		});
	};`

// drawnScreen draws the screen that is shared: a page of a text with a picture.
const drawnScreen = `
	MediaDevices.prototype.getDisplayMedia = async () => {
		const canvas = Object.assign(document.createElement("canvas"), {width: 1280, height: 720});
		const context = canvas.getContext("2d");
		const box = (colour, ...at) => { context.fillStyle = colour; context.fillRect(...at); };
		const draw = () => {
			box("#e7ebf0", 0, 0, 1280, 720);
			box("#ffffff", 240, 50, 800, 670);
			box("#1f7a6a", 310, 110, 420, 34);
			for (let line = 0; line < 5; line++) box("#aab4bf", 310, 180 + 30 * line, line === 4 ? 380 : 660, 12);
			for (let bar = 0; bar < 6; bar++) box(bar === 4 ? "#e0ae4a" : "#3b8f80", 330 + 108 * bar, 640 - 45 * (1 + bar % 4), 70, 45 * (1 + bar % 4));
			box("#55606c", 310, 640, 660, 3);
		};
		draw();
		setInterval(draw, 200);
		return canvas.captureStream(5);
	};`

// asking makes a page believe that the user has not answered yet, and then that they
// denied access.
const asking = `
	let answer = "prompt";
	const {query} = navigator.permissions;
	navigator.permissions.query = async ({name}) =>
		name === "camera" || name === "microphone" ? {state: answer, addEventListener() {}} : query.call(navigator.permissions, {name});
	navigator.mediaDevices.getUserMedia = async () => {
		answer = "denied";
		throw new DOMException("Permission denied", "NotAllowedError");
	}`

// visible waits until an element can be seen.
func (tb *tab) visible(selector string) *tab {
	tb.t.Helper()
	tb.until("[...document.querySelectorAll(" + jsString(selector) + ")].some((element) => element.checkVisibility())")
	return tb
}

// closeDialog closes the open dialog or menu, as Escape does.
func (tb *tab) closeDialog() {
	tb.t.Helper()
	eval[any](tb, `(() => {
		document.querySelector("dialog[open]")?.close();
		if (document.querySelector("#more-menu").checkVisibility()) document.querySelector('[data-action="more"]').click();
	})()`)
}

// dialog opens a dialog by the button or the entry of the menu that names it.
func (tb *tab) dialog(name string) *tab {
	tb.t.Helper()
	tb.closeDialog()
	eval[any](tb, fmt.Sprintf(`document.querySelector('[data-action=%q]').click()`, name))
	return tb.visible(`[data-dialog="` + name + `"]`)
}
