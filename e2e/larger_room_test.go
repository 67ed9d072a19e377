package e2e

import (
	"net/url"
	"testing"
)

// TestLargerRoom has three pages in a room for three: two talk, and the third is told so,
// and is connected when a place is free.
func TestLargerRoom(t *testing.T) {
	connectClients(t)
	s := startServer(t, "--room-capacity", "3", "--turn-udp", "", "--turn-tcp", "", "--turn-tls", "")
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	ann, bo := startCall(t, s, "three")
	cy := openAt(t, side{"firefox", "a"}, s, "three", url.Values{"lang": {"en"}})
	cy.join()
	cy.awaitsFree()
	ann.awaitScreen("call")
	bo.awaitScreen("call")

	ann.click("leave")
	seeEachOther(t, cy, bo)
	ann.click("rejoin")
	ann.awaitsFree()
	bo.click("leave")
	ann.awaitScreen("call")
	cy.awaitScreen("call")
	ann.until(`document.querySelector('[data-video="remote"]').currentTime > 0.5`)
	for _, tb := range []*tab{ann, bo, cy} {
		tb.checkFaults(s)
	}
}

// awaitsFree waits until the page says that two people are talking.
func (tb *tab) awaitsFree() {
	tb.t.Helper()
	tb.awaitScreen("waiting")
	tb.until(`document.querySelector("[data-waiting-title]").textContent === "Two people are talking here"`)
}
