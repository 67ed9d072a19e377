package signaling

import (
	"net/http"
	"net/netip"
	"time"

	"callbox/internal/netaddr"
	"callbox/signaling/protocol"
)

const (
	// retrySeat is how long a client is told to wait when its address has too
	// many seats, or the server too many connections.
	retrySeatAfter = 5 * time.Second
	// strayAfter is how long a client has to join when others wait for its
	// connection, and spareStrayAfter is so for a spare one.
	crowdedJoinTime, reservedJoinTime = 2 * time.Second, 500 * time.Millisecond
	// victimLooks is how many connections are looked at, at most, to find one
	// that makes room.
	victimSamples = 512
	// owingBytes is how much a peer may leave unconfirmed before its connection
	// is one of those that make room.
	owingBytes = 64 << 10
	// spareConnections is how many connections beyond the limit are for peers
	// that come back, and closingSlack how many there may be at most while those
	// that made room end.
	reservedConnections, maxClosing = 32, 32
)

// place is what connect gives to a new connection.
type admission struct {
	addr     netip.Addr // the client's
	reserved bool       // see stateSpare
}

// connect counts a new connection from addr. disconnect must follow, unless
// there is a fault: why the connection may not be.
func (s *Server) admitConnection(addr netip.Addr) (adm admission, fault *handshakeFault) {
	if !s.addresses.addConnection(addr) {
		return admission{}, &handshakeFault{http.StatusTooManyRequests, "rate_limited", "too many connections from this address"}
	}
	if !s.memory.Take(addr, connectionBytes) {
		s.addresses.removeConnection(addr, s.uptime())
		return admission{}, &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has no memory for one more connection now"}
	}
	ok, spare := s.ensureCapacity(addr, nil)
	if !ok {
		s.releaseConnection(addr)
		return admission{}, &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has too many connections now"}
	}
	return admission{addr, spare}, nil
}

func (s *Server) releaseConnection(addr netip.Addr) {
	s.addresses.removeConnection(addr, s.uptime())
	s.memory.Give(addr, connectionBytes)
}

// makeRoom reports whether there may be one more connection from addr, and
// whether that is a spare one. When there are as many as there may be, it ends
// one, see victimLocked. A peer whose connection ends so keeps its seat, and
// comes back. own is what room is made for; nil = it is not there yet.
func (s *Server) ensureCapacity(addr netip.Addr, keep *connection) (ok, reserved bool) {
	most := s.config.Limits.AllConnections
	if most == 0 {
		return true, false
	}
	s.mu.Lock()
	count := len(s.connections)
	if count < most {
		s.mu.Unlock()
		return true, false
	}
	var victim *connection
	if count < most+maxClosing {
		victim = s.victimLocked(netaddr.Client(addr), keep)
	}
	s.mu.Unlock()
	if victim == nil {
		return count < most+reservedConnections, true
	}
	victim.state.Or(stateCutSoon)
	var fx effects
	victim.close(protocol.CloseTooSlow, "others need this connection", &fx)
	fx.apply()
	return true, false
}

// victimLocked returns the connection that makes room for one of client, or nil.
// That is one whose client has not joined in good time, or does not keep to the
// limits. Else it is the oldest without company of the address that has most of
// these, if client would not have as many: an address with many calls is no
// worse for them than one with a few, and may have some more who wait for
// theirs. The order of a map is by chance, so that nobody can stay out of sight.
// s.mu must be held.
func (s *Server) victimLocked(client netip.Addr, own *connection) *connection {
	holdings := make(map[netip.Addr]*holding)
	looks, now := victimSamples, s.uptime()
	for c := range s.connections {
		if looks--; looks < 0 {
			break
		}
		if c == own || c.is(stateEnded) {
			continue
		}
		if c.is(stateMisbehaving) || !c.is(stateWaiting) && c.joinOverdue(now) {
			return c
		}
		h := holdings[netaddr.Client(c.addr)]
		if h == nil {
			h = new(holding)
			holdings[netaddr.Client(c.addr)] = h
		}
		h.add(c)
	}
	many := holdings[client].excess() + 1
	var victim *connection
	for _, h := range holdings {
		if excess := h.excess(); excess > many {
			many, victim = excess, h.oldest
		}
	}
	return victim
}

// holding is what an address has.
type holding struct {
	company, alone int         // connections with company, and without
	oldest         *connection // without company
}

func (h *holding) add(c *connection) {
	if c.hasCompany() {
		h.company++
		return
	}
	h.alone++
	if h.oldest == nil || c.number < h.oldest.number {
		h.oldest = c
	}
}

// excess returns how many connections without company are too many: beside four
// with company, one without is to be expected.
func (h *holding) excess() int {
	const companyForOne = 4
	if h == nil {
		return 0
	}
	return max(h.alone-h.company/companyForOne, 0)
}

// hasCompany reports whether the connection's peer shares its room with another
// one, and keeps to what it must confirm.
func (c *connection) hasCompany() bool {
	return c.session.Load() != nil && !c.is(stateAlone|stateOwing)
}

// isStray reports whether the client has had time to join and has not.
func (c *connection) joinOverdue(now time.Duration) bool {
	by := time.Duration(c.joinDeadline.Load())
	after := crowdedJoinTime
	if c.is(stateReserved) {
		after = reservedJoinTime
	}
	return by > 0 && by-c.server.config.Limits.JoinWithin+after <= now
}

// leaveSpare makes an ordinary connection of a spare one, if there is room by now.
func (c *connection) leaveReserve() bool {
	ok, reserved := c.server.ensureCapacity(c.addr, c)
	if !ok || reserved {
		return false
	}
	c.state.And(^uint32(stateReserved))
	return true
}
