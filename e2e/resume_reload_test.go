package e2e

import (
	"testing"
)

// deaf keeps a page from saying goodbye: what the server gets of a reload is a
// connection that breaks, as from a browser that crashed.
const deaf = `(() => {
	const send = WebSocket.prototype.send;
	WebSocket.prototype.send = function (text) {
		if (window.polite || !String(text).includes('"type":"leave"')) send.call(this, text);
	};
})()`

// TestReload loads pages again in the middle of a call. Nobody meets his own
// ghost: whoever comes back finds a seat, and the other side.
func TestReload(t *testing.T) {
	s := theServer(t)
	joinLab(t)
	for name, preload := range map[string][]string{"with goodbye": nil, "without goodbye": {deaf}} {
		t.Run(name, func(t *testing.T) {
			const replaced = `callbox_signaling_joins_total{result="replaced"}`
			seats := s.metric(t, replaced)
			ann, bo := meet(t, s, "reload", preload...)
			before := ann.signaling().Peer

			ann.reload() // one side
			ann.join()
			seeEachOther(t, ann, bo)
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

			if peers := s.peers(t); peers != 2 {
				t.Errorf("%d peers are in rooms, want 2", peers)
			}
			if taken := s.metric(t, replaced) - seats; preload != nil && taken < 4 {
				t.Errorf("Ann took her old seat over %v times, want at least 4", taken)
			}
			if lost := bo.signaling().Lost; lost != 0 {
				t.Errorf("Bo's page lost its server %d times", lost)
			}
			for _, tb := range []*tab{ann, bo} {
				tb.wellBehaved(s)
			}
			eval[any](ann, "(window.polite = true, null)")
			part(t, s, ann, bo)
		})
	}
}
