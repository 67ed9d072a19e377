package signaling

import (
	"net/http"
	"net/netip"
	"time"

	"callbox/internal/netaddr"
	"callbox/signaling/protocol"
)

const (
	// retrySeatAfter is how long a client is told to wait when its address has
	// too many seats, or the server too many connections.
	retrySeatAfter = 5 * time.Second
	// crowdedJoinTime is how long a client may take to join while the server has
	// no free connection, and reservedJoinTime is the same for a client on a
	// reserved connection.
	crowdedJoinTime, reservedJoinTime = 2 * time.Second, 500 * time.Millisecond
	// victimSamples is how many connections are examined, at most, to find one
	// to close.
	victimSamples = 512
	// aloneAllowed is how many connections without company an address may have
	// before one of them is closed for others: a few that are about to join or
	// wait for somebody.
	aloneAllowed = 4
	// unconfirmedBytes is how much a peer may leave unconfirmed before its
	// connection may be closed to make room for another.
	unconfirmedBytes = 64 << 10
	// reservedConnections is how many connections beyond the limit are reserved
	// for peers that come back. maxBeyond is how many connections beyond the limit
	// there may be, with those that make way and are still closing. It is larger
	// than reservedConnections; otherwise clients that hold all the reserved ones
	// would block every newcomer.
	reservedConnections, maxBeyond = 32, 48
)

// admission is what admitConnection grants to a new connection.
type admission struct {
	addr     netip.Addr // the client's address
	reserved bool       // see stateReserved
}

// admitConnection counts a new connection from addr. The fault says why there
// may be none; without one, the caller must call releaseConnection in the end.
func (s *Server) admitConnection(addr netip.Addr) (adm admission, fault *handshakeFault) {
	if !s.addresses.addConnection(addr) {
		return admission{}, &handshakeFault{http.StatusTooManyRequests, "rate_limited", "too many connections from this address"}
	}
	if !s.memory.Take(addr, connectionBytes) {
		s.addresses.removeConnection(addr, s.uptime())
		return admission{}, &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has no memory for one more connection now"}
	}
	ok, reserved := s.ensureCapacity(addr, nil)
	if !ok {
		s.uncharge(addr)
		return admission{}, &handshakeFault{http.StatusServiceUnavailable, "rate_limited", "the server has too many connections now"}
	}
	return admission{addr, reserved}, nil
}

func (s *Server) releaseConnection(addr netip.Addr) {
	s.mu.Lock()
	s.admitted--
	s.mu.Unlock()
	s.uncharge(addr)
}

// uncharge gives back what addr was charged for one connection.
func (s *Server) uncharge(addr netip.Addr) {
	s.addresses.removeConnection(addr, s.uptime())
	s.memory.Give(addr, connectionBytes)
}

// ensureCapacity reports whether there may be one more connection from addr, and
// whether it is a reserved one. When the limit is reached, it closes another
// connection, see victimLocked. The peer on a connection that is closed this way
// keeps its seat and reconnects. ensureCapacity never closes keep, the
// connection that the capacity is for; nil = that one does not exist yet.
func (s *Server) ensureCapacity(addr netip.Addr, keep *connection) (ok, reserved bool) {
	ok, reserved, victim := s.decide(addr, keep)
	if victim != nil {
		var fx effects
		victim.close(protocol.CloseTooSlow, "others need this connection", &fx)
		fx.apply()
	}
	return ok, reserved
}

// decide finds the answer of ensureCapacity, which closes the victim if there is
// one, and counts what is admitted. It locks mu, so that no two newcomers get the
// same place.
func (s *Server) decide(addr netip.Addr, keep *connection) (ok, reserved bool, victim *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.config.Limits.AllConnections
	beyond := s.admitted - most
	if most > 0 && beyond >= 0 && beyond < maxBeyond {
		victim = s.victimLocked(netaddr.Client(addr), keep)
	}
	switch {
	case most == 0 || beyond < 0:
		ok = true
	case victim != nil:
		victim.state.Or(stateMakesWay)
		ok = true
	default:
		ok, reserved = beyond < reservedConnections, true
	}
	if ok && keep == nil {
		s.admitted++
	}
	return ok, reserved, victim
}

// victimLocked returns the connection to close so that client can have one, or
// nil. It is a connection whose client has not joined in time or does not keep to
// the limits. Otherwise it is the oldest connection without company of the address
// whose excess is largest; that excess must be greater than aloneAllowed, and
// greater than client's own would become. So an address with many calls is no
// worse off than one with a few, and more of its peers may wait for theirs. Go
// iterates over a map in random order, so no client can hide. s.mu must be held.
//
// The layers below have rules of their own: internal/accept for TCP connections of
// HTTP, turnserver for its connections and relays.
func (s *Server) victimLocked(client netip.Addr, keep *connection) *connection {
	holdings := make(map[netip.Addr]*holding)
	samples, now := victimSamples, s.uptime()
	for c := range s.connections {
		if samples--; samples < 0 {
			break
		}
		if c == keep || c.is(stateEnded|stateMakesWay) {
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
	most := max(holdings[client].excess()+1, aloneAllowed)
	var victim *connection
	for _, h := range holdings {
		if excess := h.excess(); excess > most {
			most, victim = excess, h.oldest
		}
	}
	return victim
}

// holding counts the connections of an address.
type holding struct {
	company, alone int         // with company, and without
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

// excess returns how many connections without company are too many: for each
// four with company, one without is expected.
func (h *holding) excess() int {
	const companyPerAlone = 4
	if h == nil {
		return 0
	}
	return max(h.alone-h.company/companyPerAlone, 0)
}

// hasCompany reports whether the connection's peer has company in its room, and
// confirms what it must.
func (c *connection) hasCompany() bool {
	return c.session.Load() != nil && !c.is(stateAlone|stateUnconfirmed)
}

// joinOverdue reports whether the client has had enough time to join and has
// not.
func (c *connection) joinOverdue(now time.Duration) bool {
	by := time.Duration(c.joinDeadline.Load())
	after := crowdedJoinTime
	if c.is(stateReserved) {
		after = reservedJoinTime
	}
	return by > 0 && by-c.server.config.Limits.JoinWithin+after <= now
}

// leaveReserve makes a reserved connection an ordinary one, if there is capacity
// for it by now.
func (c *connection) leaveReserve() bool {
	ok, reserved := c.server.ensureCapacity(c.addr, c)
	if !ok || reserved {
		return false
	}
	c.state.And(^uint32(stateReserved))
	return true
}
