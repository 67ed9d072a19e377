package e2e

import (
	"fmt"
	"testing"
)

// safetyShown is the safety code as the page shows it, "" = none.
const safetyShown = `(() => {
	const button = document.querySelector('[data-action="safety"]');
	return button.checkVisibility() && /^\d{3} \d{3}$/.test(button.innerText) ? button.innerText : "";
})()`

// safetyLooks is true when the page shows the code in this way: code, changed, match, …
func safetyLooks(look string) string {
	return fmt.Sprintf(`document.querySelector('[data-action="safety"]').dataset.safety === %q`, look)
}

// code waits for the page's safety code.
func (tb *tab) code() string {
	tb.t.Helper()
	tb.until(safetyShown + ` !== ""`)
	return eval[string](tb, safetyShown)
}

// testSafety compares the codes of two pages, as people do, and has Ann say that they match.
func testSafety(t *testing.T, ann, bo *tab) {
	t.Helper()
	if a, b := ann.code(), bo.code(); a != b {
		t.Errorf("the pages show the safety codes %q and %q", a, b)
	}
	ann.until(safetyLooks("code"))
	pictures := func(tb *tab) string {
		tb.click("safety")
		tb.until(`document.querySelector('[data-dialog="safety"]').open`)
		return eval[string](tb, `document.querySelector("[data-safety-pictures]").innerText`)
	}
	if a, b := pictures(ann), pictures(bo); a != b || len(a) < 20 {
		t.Errorf("the pages show the pictures %q and %q", a, b)
	}
	ann.click("safety-match")
	ann.until(safetyLooks("match"))
	bo.click("close-dialog")
	bo.until(safetyLooks("code")) // It is for each to say.
}

// testScreenAlone shares a's screen with b and stops again, without a server: its
// banner hides the line that says that the screen is shared.
func testScreenAlone(a, b *tab) {
	a.t.Helper()
	const shown = `(() => {
		const video = document.querySelector('[data-video="shared"]');
		return video.checkVisibility() && video.videoWidth > 0 && video.currentTime > 0.2;
	})()`
	a.click("screen")
	b.until(shown)
	a.click("screen")
	b.until("!" + shown)
}

// testRestart restarts ICE from a's page, on a connection that works and stays up.
func testRestart(a, b *tab) {
	a.t.Helper()
	const ufrag = `callbox.pc.currentLocalDescription.sdp.match(/a=ice-ufrag:(\S+)/)[1]`
	before := [2]string{eval[string](a, ufrag), eval[string](b, ufrag)}
	eval[any](a, "(callbox.pc.restartIce(), null)")
	for i, tb := range []*tab{a, b} {
		tb.until(fmt.Sprintf(`%s !== %q && callbox.pc.signalingState === "stable" && callbox.pc.connectionState === "connected"`, ufrag, before[i]))
	}
}
