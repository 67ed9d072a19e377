package e2e

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"
)

// connectClients gives the clients a route to each other until the test ends.
func connectClients(t *testing.T) {
	t.Helper()
	lab := sharedLab(t)
	if err := lab.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// startCall has two pages join a room: first Ann at client a, then Bo at client b.
// The scripts run in Ann's page before its own.
func startCall(t *testing.T, s *server, room string, preload ...string) (ann, bo *tab) {
	t.Helper()
	ann = open(t, sharedBrowser(t, "chromium", "a"), s, room, url.Values{"lang": {"en"}}, preload...)
	bo = openAt(t, side{"chromium", "b"}, s, room, url.Values{"lang": {"en"}})
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	seeEachOther(t, ann, bo)
	return ann, bo
}

// seeEachOther waits until each receives the other's picture and sound. What they
// received before does not count.
func seeEachOther(t *testing.T, ann, bo *tab) {
	t.Helper()
	for i, tb := range []*tab{ann, bo} {
		tb.awaitScreen("call")
		tb.observe()
		eval[any](tb, "window.probe.reset()")
		want := expected{cameraOf([]string{"b", "a"}[i]), "direct"}
		if found := tb.observeUntil(want).check(want); len(found) > 0 {
			t.Fatalf("%s receives:\n%v", []string{"Ann", "Bo"}[i], found)
		}
	}
}

// leaveAll has the pages leave, and checks that no peer is left on the server.
func leaveAll(t *testing.T, s *server, tabs ...*tab) {
	t.Helper()
	for _, tb := range tabs {
		tb.click("leave")
		tb.awaitScreen("ended")
	}
	s.awaitPeers(t, 0)
}

// signaling is the state of a page's connection to the server.
type signaling struct {
	Phase, Transport, Peer string
	Joined, Resumed, Lost  int
}

func (tb *tab) signaling() signaling {
	tb.t.Helper()
	return eval[signaling](tb, "callbox.signaling")
}

// reload reloads the page, as the browser's button does, and waits until it is
// loaded.
func (tb *tab) reload() {
	tb.t.Helper()
	eval[any](tb, "(window.old = true, setTimeout(() => location.reload()), null)")
	tb.awaitReload()
}

// awaitReload waits until a page that was marked as old is loaded again.
func (tb *tab) awaitReload() {
	tb.t.Helper()
	err := eventually(tb.t, patience, func() error {
		ctx, cancel := context.WithTimeout(tb.t.Context(), 2*time.Second)
		defer cancel()
		var there bool
		// While the page unloads, Eval fails.
		if err := tb.Eval(ctx, `!window.old && document.body?.dataset.screen === "prejoin"`, &there); err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("the page is not reloaded")
		}
		return nil
	})
	if err != nil {
		tb.t.Fatal(err)
	}
}

// keepPC remembers the page's RTCPeerConnection, for samePC.
func (tb *tab) keepPC() {
	tb.t.Helper()
	eval[any](tb, "(window.kept = callbox.pc, null)")
}

// samePC is an expression: the page still uses that RTCPeerConnection.
const samePC = `window.kept === callbox.pc && callbox.pc.connectionState === "connected"`
