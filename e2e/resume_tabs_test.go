package e2e

import (
	"fmt"
	"testing"
)

// copyOf is an expression for the duplicate of a tab: it has the same address, a
// copy of the session storage, and shares the browser's locks.
const copyOf = "window.copy"

// duplicate duplicates a tab, and waits until the copy shows the prejoin screen.
func (tb *tab) duplicate() {
	tb.t.Helper()
	eval[any](tb, "("+copyOf+" = window.open(location.href), null)")
	tb.until(copyOf + `.document.body?.dataset.screen === "prejoin"`)
}

// copyJoins joins in the copy, and waits until it shows the screen.
func (tb *tab) copyJoins(screen string) {
	tb.t.Helper()
	tb.until(copyOf + `.document.querySelector('[data-video="preview"]').videoWidth > 0`)
	eval[any](tb, "("+copyOf+`.document.querySelector('[data-action="join"]').click(), null)`)
	tb.until(fmt.Sprintf("%s.document.body.dataset.screen === %q", copyOf, screen))
}

// TestDuplicatedTab duplicates a tab that is in a call. The copy has the resume
// token of the seat, but must not use it: it takes a seat of its own, or none.
func TestDuplicatedTab(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann, bo := startCall(t, s, "tabs")
	before := ann.signaling()
	ann.keepPC()

	ann.duplicate()
	ann.copyJoins("full")
	ann.until(samePC)
	if now := ann.signaling(); now.Peer != before.Peer || now.Lost != 0 {
		t.Errorf("the signaling of the duplicated tab is %+v, was %+v", now, before)
	}

	bo.click("leave")
	ann.awaitScreen("waiting")
	eval[any](ann, "("+copyOf+`.document.querySelector('[data-for="full"] [data-action="rejoin"]').click(), null)`)
	ann.awaitScreen("call")
	ann.until(copyOf + `.document.body.dataset.screen === "call"`)
	ann.observe()
	eval[any](ann, "window.probe.reset()") // forgets Bo's tone
	want := expected{red, "direct"}        // the copy has the same camera
	if found := ann.observeUntil(want).check(want); len(found) > 0 {
		t.Errorf("the tab receives from its copy:\n%v", found)
	}
	if copied := eval[signaling](ann, copyOf+".callbox.signaling"); copied.Peer == before.Peer {
		t.Error("the copy is the same peer")
	}
	eval[any](ann, "("+copyOf+`.document.querySelector('[data-action="leave"]').click(), null)`)
	leaveAll(t, s, ann)
}

// TestTakenOver has somebody who has a tab's resume token replace its seat. The page
// says that the call goes on in another tab, and takes the seat back on request.
func TestTakenOver(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann, bo := startCall(t, s, "elsewhere")
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
	leaveAll(t, s, ann, bo)
}
