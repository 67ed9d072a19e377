package signaling

import (
	"net/http"
	"net/netip"
	"time"

	"callbox/signaling/protocol"
)

const (
	// retrySeat is how long a client is told to wait when its address has too
	// many seats, or the server too many connections.
	retrySeat = 5 * time.Second
	// strayAfter is how long a client has to join when others wait for its
	// connection, and spareStrayAfter is so for a spare one.
	strayAfter, spareStrayAfter = 2 * time.Second, 500 * time.Millisecond
	// aloneAfter is how long a peer may wait for another when others wait for its
	// connection and its address has many more than theirs.
	aloneAfter, manyMore = 10 * time.Second, 4
	// victimLooks is how many connections are looked at, at most, to find one
	// that makes room, and aloneLooks how many of them for a peer that is alone.
	victimLooks, aloneLooks = 256, 16
	// spareConnections is how many connections beyond the limit are for peers
	// that come back, and closingSlack how many there may be at most while those
	// that made room end.
	spareConnections, closingSlack = 32, 64
)

// place is what connect gives to a new connection.
type place struct {
	addr  netip.Addr // the client's
	spare bool       // see stateSpare
}

// connect counts a new connection from addr. disconnect must follow, unless
// there is a fault: why the connection may not be.
func (s *Server) connect(addr netip.Addr) (p place, fault *handshakeFault) {
	if !s.addresses.connect(addr) {
		return place{}, &handshakeFault{http.StatusTooManyRequests, "rate_limited", "too many connections from this address"}
	}
	if !s.memory.Take(addr, connectionBytes) {
		s.addresses.disconnect(addr, s.uptime())
		return place{}, &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has no memory for one more connection now"}
	}
	ok, spare := s.makeRoom(addr, nil)
	if !ok {
		s.disconnect(addr)
		return place{}, &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has too many connections now"}
	}
	return place{addr, spare}, nil
}

func (s *Server) disconnect(addr netip.Addr) {
	s.addresses.disconnect(addr, s.uptime())
	s.memory.Give(addr, connectionBytes)
}

// makeRoom reports whether there may be one more connection from addr, and
// whether that is a spare one. When there are as many as there may be, it ends
// one: of a client that has not joined in good time, or does not keep to the
// limits; or one of an address that has many more than addr has, whose client has
// not joined or is alone in its room. A peer whose connection ends so keeps its
// seat, and comes back. own is what room is made for; nil = it is not there yet.
func (s *Server) makeRoom(addr netip.Addr, own *connection) (ok, spare bool) {
	most := s.config.Limits.AllConnections
	if most == 0 {
		return true, false
	}
	s.mu.Lock()
	count := len(s.connections)
	var victim *connection
	var maybe []*connection
	if count >= most && count < most+closingSlack {
		victim, maybe = s.victimsLocked(s.addresses.count(addr)+manyMore, own)
	}
	s.mu.Unlock()
	if count < most {
		return true, false
	}
	for i := 0; i < len(maybe) && victim == nil; i++ {
		if maybe[i].isAlone(s.uptime()) {
			victim = maybe[i]
		}
	}
	if victim == nil {
		return count < most+spareConnections, true
	}
	var out flushes
	victim.end(protocol.CloseTooSlow, "others need this connection", &out)
	out.flush()
	return true, false
}

// victimsLocked returns a connection that makes room, or those that do if their
// peer is alone, of addresses that have more than many. The order of a map is by
// chance, so that no client can stay out of sight. s.mu must be held.
func (s *Server) victimsLocked(many int, own *connection) (victim *connection, maybe []*connection) {
	looks := victimLooks
	now := s.uptime()
	for c := range s.connections {
		if looks--; looks < 0 {
			break
		}
		switch {
		case c == own || c.is(stateEnded|stateWaiting):
		case c.is(stateUnruly) || c.isStray(now):
			return c, nil
		case s.addresses.count(c.addr) <= many:
		case c.session.Load() == nil:
			return c, nil
		case len(maybe) < aloneLooks:
			maybe = append(maybe, c)
		}
	}
	return nil, maybe
}

// isStray reports whether the client has had time to join and has not.
func (c *connection) isStray(now time.Duration) bool {
	by := time.Duration(c.joinBy.Load())
	after := strayAfter
	if c.is(stateSpare) {
		after = spareStrayAfter
	}
	return by > 0 && by-c.server.config.Limits.JoinWithin+after <= now
}

// leaveSpare makes an ordinary connection of a spare one, if there is room by now.
func (c *connection) leaveSpare() bool {
	ok, spare := c.server.makeRoom(c.addr, c)
	if !ok || spare {
		return false
	}
	c.state.And(^uint32(stateSpare))
	return true
}

// isAlone reports whether the peer has been there for a while, with nobody else
// in its room.
func (c *connection) isAlone(now time.Duration) bool {
	s := c.session.Load()
	if s == nil {
		return false
	}
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	return s.connection == c && s.room != nil && len(s.room.seats) == 1 && now-s.since >= aloneAfter
}
