package e2e

import (
	"net/url"
	"testing"
)

// TestTestCall makes a test call from the home page: the picture and the sound come back through two relays, also
// after a reload.
func TestTestCall(t *testing.T) {
	s := sharedServer(t)
	for _, kind := range []string{"chromium", "firefox"} {
		t.Run(kind, func(t *testing.T) {
			tb := openAt(t, side{kind, "a"}, s, "", url.Values{"lang": {"en"}})
			tb.awaitScreen("home")
			tb.visible("[data-test-link]")
			tb.goTo(eval[string](tb, `document.querySelector("[data-test-link]").href + location.search`))
			tb.awaitScreen("prejoin")
			tb.until(`document.querySelector("[data-test-call]").checkVisibility()`)
			for reloaded := range 2 {
				if reloaded > 0 {
					tb.reload()
				}
				tb.join()
				tb.awaitScreen("call")
				tb.until(`document.querySelector("[data-quality]").dataset.path === "relayed"`)
				tb.until(`(() => {
					const video = document.querySelector('[data-video="remote"]');
					return video.checkVisibility() && video.videoWidth > 0 && !video.paused && video.currentTime > 1;
				})()`)
				tb.until(`callbox.pc.getStats().then((stats) => [...stats.values()].some(
					({type, kind, totalAudioEnergy}) => type === "inbound-rtp" && kind === "audio" && totalAudioEnergy > 0))`)
			}
			tb.click("leave")
			tb.awaitScreen("ended")
			tb.checkFaults(s)
		})
	}
}
