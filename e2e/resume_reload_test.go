package e2e

import (
	"testing"
)

// noLeave keeps a page from sending leave: on a reload, its connection breaks, as
// when a browser crashes.
const noLeave = `(() => {
	const send = WebSocket.prototype.send;
	WebSocket.prototype.send = function (text) {
		if (window.sendLeave || !String(text).includes('"type":"leave"')) send.call(this, text);
	};
})()`

// TestReload reloads pages during a call. A reloaded page replaces its old seat,
// so that the room is not full, and meets the other peer.
func TestReload(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	for name, preload := range map[string][]string{"with leave": nil, "without leave": {noLeave}} {
		t.Run(name, func(t *testing.T) {
			const replaced = `callbox_signaling_joins_total{result="replaced"}`
			seats := s.metric(t, replaced)
			ann, bo := startCall(t, s, "reload", preload...)
			before := ann.signaling().Peer

			eval[any](ann, `(addEventListener("pagehide", () => sessionStorage.setItem("gone", Date.now())), null)`)
			eval[any](bo, `(new MutationObserver(() => {
				if (document.querySelector("[data-banner]").textContent.startsWith("Ann has closed or reloaded")) window.told ??= Date.now();
			}).observe(document.querySelector("[data-banner]"), {childList: true}), null)`)
			ann.reload() // one side
			ann.join()
			seeEachOther(t, ann, bo)
			if took := eval[int](bo, "window.told ?? 1e15") - eval[int](ann, `Number(sessionStorage.getItem("gone"))`); took > 1000 {
				t.Errorf("Bo's page said that Ann's was reloaded %d ms after", took)
			}
			bo.until(safetyLooks("changed"))
			if after := ann.signaling().Peer; after == before || after == "" {
				t.Errorf("the reloaded page is peer %q, was %q", after, before)
			}

			ann.reload() // one side, twice in a row, the second time before it has joined
			ann.reload()
			ann.join()
			seeEachOther(t, ann, bo)

			ann.reload() // twice in a row, the second time while it joins
			ann.join()
			ann.reload()
			ann.join()
			seeEachOther(t, ann, bo)

			ann.reload() // both
			bo.reload()
			ann.join()
			bo.join()
			seeEachOther(t, ann, bo)

			if held := s.seats(t, "reload"); len(held) != 2 {
				t.Errorf("%d peers are in the room, want 2: %v", len(held), held)
			}
			if taken := s.metric(t, replaced) - seats; preload != nil && taken < 4 {
				t.Errorf("Ann replaced her old seat %v times, want at least 4", taken)
			}
			if lost := bo.signaling().Lost; lost != 0 {
				t.Errorf("Bo's page lost its connection to the server %d times", lost)
			}
			for _, tb := range []*tab{ann, bo} {
				tb.checkFaults(s)
			}
			eval[any](ann, "(window.sendLeave = true, null)")
			leaveAll(t, s, ann, bo)
		})
	}
}
