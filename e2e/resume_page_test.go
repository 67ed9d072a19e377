package e2e

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"
)

// joinLab gives the clients a route to each other for the time of a test.
func joinLab(t *testing.T) {
	t.Helper()
	lab := theLab(t)
	if err := lab.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Part(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// meet brings two pages together in a room, Ann at client a first. The scripts
// run in Ann's page before its own.
func meet(t *testing.T, s *server, room string, preload ...string) (ann, bo *tab) {
	t.Helper()
	ann = open(t, theBrowser(t, "chromium", "a"), s, room, url.Values{"lang": {"en"}}, preload...)
	bo = openAt(t, side{"chromium", "b"}, s, room, url.Values{"lang": {"en"}})
	ann.named("Ann").join()
	ann.awaitScreen("waiting")
	bo.named("Bo").join()
	seeEachOther(t, ann, bo)
	return ann, bo
}

// seeEachOther waits until both see and hear the other, by what comes in now.
func seeEachOther(t *testing.T, ann, bo *tab) {
	t.Helper()
	for i, tb := range []*tab{ann, bo} {
		tb.awaitScreen("call")
		tb.look()
		eval[any](tb, "window.probe.reset()")
		want := expected{cameraOf([]string{"b", "a"}[i]), "direct"}
		if found := tb.watch(want).check(want); len(found) > 0 {
			t.Fatalf("%s sees:\n%v", []string{"Ann", "Bo"}[i], found)
		}
	}
}

// part says goodbye, and sees that nothing is left behind on the server.
func part(t *testing.T, s *server, tabs ...*tab) {
	t.Helper()
	for _, tb := range tabs {
		tb.click("leave")
		tb.awaitScreen("ended")
	}
	s.awaitPeers(t, 0)
}

// signaling is what a page tells of its way to the server.
type signaling struct {
	Phase, Transport, Peer string
	Joined, Resumed, Lost  int
}

func (tb *tab) signaling() signaling {
	tb.t.Helper()
	return eval[signaling](tb, "callbox.signaling")
}

// reload loads the page again, as the button of the browser does, and comes
// back when the new one is there.
func (tb *tab) reload() {
	tb.t.Helper()
	eval[any](tb, "(window.old = true, setTimeout(() => location.reload()), null)")
	err := eventually(tb.t, patience, func() error {
		ctx, cancel := context.WithTimeout(tb.t.Context(), 2*time.Second)
		defer cancel()
		var there bool
		// While the page goes there is nothing to ask.
		if err := tb.Eval(ctx, `!window.old && document.body?.dataset.screen === "prejoin"`, &there); err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("the page is not loaded again")
		}
		return nil
	})
	if err != nil {
		tb.t.Fatal(err)
	}
}

// keepPC marks the connection that carries the call, to be recognized by samePC.
func (tb *tab) keepPC() {
	tb.t.Helper()
	eval[any](tb, "(window.kept = callbox.pc, null)")
}

// samePC is true as long as that connection carries the call.
const samePC = `window.kept === callbox.pc && callbox.pc.connectionState === "connected"`
