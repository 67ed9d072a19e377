package e2e

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

// recordSockets notes when the page opens and loses connections to the server.
const recordSockets = `
	window.sockets = {opened: 0, closed: 0};
	const Real = WebSocket;
	window.WebSocket = class extends Real {
		constructor(...how) {
			super(...how);
			this.addEventListener("open", () => sockets.opened++);
			this.addEventListener("close", () => sockets.closed++);
		}
	};
`

// TestEarly moves the pointer over the button "Join", and waits. The page connects to the server at once, closes that
// connection before the server would, and opens another one at the next sign, which the join uses. No page holds a relay
// while it is alone.
func TestEarly(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann := open(t, sharedBrowser(t, "chromium", "a"), s, "early", url.Values{"lang": {"en"}}, recordSockets)
	ann.awaitScreen("prejoin")
	const sign = `document.querySelector(".join-actions").dispatchEvent(new PointerEvent("pointerover"))`
	opened := func(times int) { ann.until(fmt.Sprintf("sockets.opened === %d", times)) }
	eval[any](ann, sign)
	opened(1)
	begin := time.Now()
	ann.until("sockets.closed === 1")
	if took := time.Since(begin); took < 7*time.Second || took > 10*time.Second {
		t.Errorf("the connection was let go after %v", took)
	}
	eval[any](ann, sign)
	opened(2)
	ann.join()
	ann.awaitScreen("waiting")
	if closed := eval[int](ann, "sockets.closed"); closed != 1 {
		t.Errorf("%d connections were closed, want 1", closed)
	}
	opened(2)
	// Bo uses relays only. Otherwise Chromium asks for none if it has found a direct path before.
	bo := openAt(t, side{"chromium", "b"}, s, "early", url.Values{"ice": {"relay"}})
	bo.awaitScreen("prejoin")
	if live := s.allocations(t); len(live) > 0 {
		t.Errorf("before somebody comes there are %+v", live)
	}
	bo.join()
	ann.awaitScreen("call")
	if err := eventually(t, patience, func() error {
		if len(s.allocations(t)) == 0 {
			return fmt.Errorf("no relay is used in the call")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	leaveAll(t, s, ann, bo)
	ann.checkFaults(s)
	bo.checkFaults(s)
}
