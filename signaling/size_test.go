package signaling

import (
	"testing"
	"unsafe"
)

// TestIdlePeersAreSmall bounds what the server holds for an idle peer, in
// addition to its goroutine's stack.
func TestIdlePeersAreSmall(t *testing.T) {
	c, s, ws := unsafe.Sizeof(connection{}), unsafe.Sizeof(session{}), unsafe.Sizeof(webSocket{})
	if total := c + s + ws; total > 896 {
		t.Errorf("%d bytes: connection %d, session %d, webSocket %d", total, c, s, ws)
	}
	t.Logf("connection %d, session %d, webSocket %d", c, s, ws)
}
