package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"testing"

	"callbox/e2e/browser"
)

// TestSleep stops the browser of one peer for longer than its seat is held, as
// when the lid of a laptop is closed. The page rejoins by itself, as the same peer,
// unless the room is full.
func TestSleep(t *testing.T) {
	lab := sharedLab(t)
	sharedBrowser(t, "chromium", "b") // skips the test if there is none
	connectClients(t)
	s := startServer(t, "--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", ":0",
		"--limit-joins", "0", "--grace", "2s", "--ping", "1s")
	laptop := startLaptop(t, browser.Options{Start: lab.A.Start, Dial: lab.A.DialContext, CA: s.ca})
	t.Cleanup(func() {
		if err := errors.Join(laptop.Close(), s.stop()); err != nil {
			t.Error(err)
		}
	})
	ann := open(t, laptop, s, "sleep", url.Values{"lang": {"en"}})
	bo := openAt(t, side{"chromium", "b"}, s, "sleep", url.Values{"lang": {"en"}})
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	seeEachOther(t, ann, bo)
	peer := ann.signaling().Peer

	for _, nap := range []struct {
		name, until string // what Bo's page shows when Ann's browser wakes
	}{
		// Her seat is gone, and his connection may not have noticed.
		{"seat", `callbox.state.peer === null`},
		// His page has given up the connection to her.
		{"connection", `document.body.dataset.screen === "waiting"`},
	} {
		t.Run(nap.name, func(t *testing.T) {
			whileAsleep(t, laptop, func() {
				bo.until(nap.until)
				s.awaitPeers(t, 1)
			})
			ann.until(`callbox.signaling.phase === "up" && callbox.state.peer !== null`)
			seeEachOther(t, ann, bo)
			if now := ann.signaling().Peer; now != peer {
				t.Errorf("Ann is peer %q, was %q", now, peer)
			}
		})
	}
	t.Run("somebody else", func(t *testing.T) { testTakenWhileAsleep(t, s, laptop, ann, bo) })
}

// testTakenWhileAsleep has a third peer take the place of the one that sleeps.
func testTakenWhileAsleep(t *testing.T, s *server, laptop *browser.Chromium, ann, bo *tab) {
	t.Helper()
	var third *tab
	whileAsleep(t, laptop, func() {
		bo.awaitScreen("waiting")
		third = openAt(t, side{"chromium", "b"}, s, "sleep", nil)
		third.join()
		third.awaitScreen("call")
		bo.awaitScreen("call")
	})
	ann.awaitScreen("full")
	third.click("leave")
	bo.awaitScreen("waiting")
	ann.click("rejoin")
	seeEachOther(t, ann, bo)
	leaveAll(t, s, ann, bo)
}

// startLaptop starts another browser at client a, with that client's camera.
func startLaptop(t *testing.T, options browser.Options) *browser.Chromium {
	t.Helper()
	var err error
	if options.Video, options.Audio, err = cameraOf("a").files(shared.dir); err != nil {
		t.Fatal(err)
	}
	laptop, err := browser.StartChromium(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return laptop
}

// whileAsleep calls f while the browser sleeps.
func whileAsleep(t *testing.T, laptop *browser.Chromium, f func()) {
	t.Helper()
	if err := laptop.Sleep(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := laptop.Wake(); err != nil {
			t.Error(fmt.Errorf("wake the laptop: %w", err))
		}
	}()
	f()
}
