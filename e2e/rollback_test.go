package e2e

import (
	"net/url"
	"sync"
	"testing"
)

// countRollbacks has a page count the offers of its own that it gives up for one of the other side.
const countRollbacks = `(() => {
	const {pc} = callbox;
	window.rollbacks = 0;
	pc.setRemoteDescription = (description) => {
		if (description.type === "offer" && pc.signalingState === "have-local-offer") rollbacks++;
		return RTCPeerConnection.prototype.setRemoteDescription.call(pc, description);
	};
	return null;
})()`

// TestBothOfferAtOnce has both pages restart ICE at the same time, until the polite one has to roll its offer back.
// Picture and sound go on. In Chromium the picture stood still for the rest of the call.
func TestBothOfferAtOnce(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	polites := []string{"chromium"}
	if *endsFull {
		polites = append(polites, "firefox")
	}
	for _, polite := range polites {
		t.Run(polite, func(t *testing.T) {
			room := "rollback-" + polite
			ann := openAt(t, side{"chromium", "a"}, s, room, url.Values{"lang": {"en"}})
			ann.enterName("Ann").join()
			ann.awaitScreen("waiting")
			bo := openAt(t, side{polite, "b"}, s, room, url.Values{"lang": {"en"}})
			bo.enterName("Bo").join()
			seeEachOther(t, ann, bo)
			eval[any](bo, countRollbacks)
			for tries := 0; eval[int](bo, "rollbacks") == 0; tries++ {
				if tries == 20 {
					t.Fatal("the offers never met")
				}
				restartBoth(t, ann, bo)
			}
			seeEachOther(t, ann, bo)
			leaveAll(t, s, ann, bo)
		})
	}
}

// restartBoth restarts ICE on both sides at once, and waits until that is done.
func restartBoth(t *testing.T, tabs ...*tab) {
	t.Helper()
	var group sync.WaitGroup
	for _, tb := range tabs {
		group.Go(func() {
			if err := tb.Eval(t.Context(), "(callbox.pc.restartIce(), null)", nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, tb := range tabs {
		tb.until(`callbox.pc.signalingState === "stable" && callbox.pc.iceConnectionState === "connected"`)
	}
}
