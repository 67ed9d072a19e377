package e2e

import (
	"fmt"
	"testing"
)

// copyOf is the tab that a page has duplicated: the same address, a copy of the
// tab's own storage, and the same browser's locks.
const copyOf = "window.copy"

// duplicate opens the copy of a tab, and comes back when it shows the same room.
func (tb *tab) duplicate() {
	tb.t.Helper()
	eval[any](tb, "("+copyOf+" = window.open(location.href), null)")
	tb.until(copyOf + `.document.body?.dataset.screen === "prejoin"`)
}

// copyJoins joins in the copy, and comes back when it shows the screen.
func (tb *tab) copyJoins(screen string) {
	tb.t.Helper()
	tb.until(copyOf + `.document.querySelector('[data-video="preview"]').videoWidth > 0`)
	eval[any](tb, "("+copyOf+`.document.querySelector('[data-action="join"]').click(), null)`)
	tb.until(fmt.Sprintf("%s.document.body.dataset.screen === %q", copyOf, screen))
}

// TestDuplicatedTab duplicates a tab that is in a call: the copy knows the
// seat's token, and yet takes a seat of its own, or none.
func TestDuplicatedTab(t *testing.T) {
	s := theServer(t)
	joinLab(t)
	ann, bo := meet(t, s, "tabs")
	before := ann.signaling()
	ann.keepPC()

	ann.duplicate()
	ann.copyJoins("full")
	ann.until(samePC)
	if now := ann.signaling(); now.Peer != before.Peer || now.Lost != 0 {
		t.Errorf("the tab that was duplicated has %+v, had %+v", now, before)
	}

	bo.click("leave")
	ann.awaitScreen("waiting")
	eval[any](ann, "("+copyOf+`.document.querySelector('[data-for="full"] [data-action="rejoin"]').click(), null)`)
	ann.awaitScreen("call")
	ann.until(copyOf + `.document.body.dataset.screen === "call"`)
	ann.look()
	eval[any](ann, "window.probe.reset()") // what Bo sounded like
	want := expected{red, "direct"}        // they have one camera
	if found := ann.watch(want).check(want); len(found) > 0 {
		t.Errorf("the tab sees of its copy:\n%v", found)
	}
	if copied := eval[signaling](ann, copyOf+".callbox.signaling"); copied.Peer == before.Peer {
		t.Error("the copy is the same peer")
	}
	eval[any](ann, "("+copyOf+`.document.querySelector('[data-action="leave"]').click(), null)`)
	part(t, s, ann)
}

// TestTakenOver has a tab's seat taken by somebody who holds its token: the
// page says that the call goes on elsewhere, and takes it back when asked to.
func TestTakenOver(t *testing.T) {
	s := theServer(t)
	joinLab(t)
	ann, bo := meet(t, s, "elsewhere")
	eval[any](ann, `new Promise((done, failed) => {
		const {resume} = JSON.parse(sessionStorage.getItem("callbox.seat.elsewhere"));
		window.thief = new WebSocket(location.origin.replace("http", "ws") + "/ws", "callbox.v1");
		thief.onopen = () => thief.send(JSON.stringify({type: "join", id: 1, room: "elsewhere", replace: resume}));
		thief.onmessage = ({data}) => (JSON.parse(data).type === "joined" ? done(null) : failed(data));
		thief.onclose = ({code}) => (window.thiefClosed = code);
	})`)
	ann.awaitScreen("ended")
	ann.until(`document.querySelector("[data-ended-title]").textContent.includes("another tab")`)
	ann.click("rejoin")
	seeEachOther(t, ann, bo)
	ann.until("window.thiefClosed === 4001")
	part(t, s, ann, bo)
}
