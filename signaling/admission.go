package signaling

import (
	"net/http"
	"net/netip"
	"time"

	"callbox/signaling/protocol"
)

const (
	// retrySeat is how long a client is told to wait when its address has too
	// many seats.
	retrySeat = 5 * time.Second
	// strayAfter is how long a client has to join when others wait for its
	// connection.
	strayAfter = 2 * time.Second
	// roomLooks is how many connections are looked at, at most, to find one
	// that makes room.
	roomLooks = 256
	// closingSlack is how many connections beyond the limit may be open while
	// those that made room for them end.
	closingSlack = 64
)

// connect counts a new connection from addr. disconnect must follow, unless
// there is a fault: why the connection may not be.
func (s *Server) connect(addr netip.Addr) *handshakeFault {
	if !s.addresses.connect(addr) {
		return &handshakeFault{http.StatusTooManyRequests, "rate_limited", "too many connections from this address"}
	}
	if !s.memory.Take(addr, connectionBytes) {
		s.addresses.disconnect(addr, s.uptime())
		return &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has no memory for one more connection now"}
	}
	if !s.makeRoom() {
		s.disconnect(addr)
		return &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has too many connections now"}
	}
	return nil
}

func (s *Server) disconnect(addr netip.Addr) {
	s.addresses.disconnect(addr, s.uptime())
	s.memory.Give(addr, connectionBytes)
}

// makeRoom reports whether there may be one more connection. When there are as
// many as there may be, it ends one that has not joined in good time, or whose
// client lately went beyond a limit: a peer whose connection ends so keeps its
// seat, and comes back when others behave.
func (s *Server) makeRoom() bool {
	most := s.config.Limits.AllConnections
	if most == 0 {
		return true
	}
	s.mu.Lock()
	count := len(s.connections)
	var victim *connection
	if count >= most && count < most+closingSlack {
		victim = s.victimLocked()
	}
	s.mu.Unlock()
	if count < most {
		return true
	}
	if victim == nil {
		return false
	}
	var out flushes
	victim.end(protocol.CloseTooSlow, "others need this connection", &out)
	out.flush()
	return true
}

// victimLocked returns a connection that makes room, or nil. The order of a map
// is by chance, so that no client can stay out of sight.
func (s *Server) victimLocked() *connection {
	looks := roomLooks
	now := s.uptime()
	for c := range s.connections {
		if looks--; looks < 0 {
			break
		}
		if c.is(stateEnded) || c.is(stateWaiting) {
			continue
		}
		if c.is(stateUnruly) || c.isStray(now) {
			return c
		}
	}
	return nil
}

// isStray reports whether the client has had time to join and has not.
func (c *connection) isStray(now time.Duration) bool {
	by := time.Duration(c.joinBy.Load())
	return by > 0 && by-c.server.config.Limits.JoinWithin+strayAfter <= now
}
