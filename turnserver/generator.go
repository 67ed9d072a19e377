package turnserver

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"time"

	"callbox/turnserver/datapath"
	"callbox/turnserver/limit"
	"callbox/turnserver/wire"
)

// errMayFragment means that DONT-FRAGMENT cannot be supported.
var errMayFragment = errors.New("the system cannot be kept from fragmenting what a relay sends")

// The endpoint is its own turn.RelayAddressGenerator: pion calls it while the Allocate request
// is being handled, so it knows what pion does not pass to it.

// Validate is part of turn.RelayAddressGenerator.
func (e *endpoint) Validate() error { return nil }

// AllocateConn is part of turn.RelayAddressGenerator.
func (e *endpoint) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, errOnlyUDP
}

// AllocatePacketConn makes the allocation of the request being handled.
func (e *endpoint) AllocatePacketConn(string, int) (net.PacketConn, net.Addr, error) {
	q := &e.request
	a, err := e.server.openAllocation(e)
	if err != nil {
		q.refusal = allocateRefusal(err)
		return nil, nil, err
	}
	q.allocation = a
	return a, a.relayedAddr, nil
}

// allocateRefusal returns what a client is answered that gets no allocation.
func allocateRefusal(err error) *refusal {
	switch {
	case errors.Is(err, errUserQuota), errors.Is(err, errAddressQuota), errors.Is(err, errAddressPace), errors.Is(err, errTotalQuota):
		return refuseFor(codeQuotaReached, err.Error())
	case errors.Is(err, errMayFragment):
		return &refusal{code: codeUnknownAttribute, unknown: []wire.Attr{wire.DontFragment}, cause: errMayFragment.Error()}
	}
	for _, known := range []error{errDraining, errReservation, errPortsExhausted} {
		if errors.Is(err, known) {
			return refuseFor(codeInsufficientCapacity, known.Error())
		}
	}
	return refuseFor(codeInsufficientCapacity, "no socket")
}

// openAllocation makes the allocation that the request asks for, and counts it in the quotas.
func (s *Server) openAllocation(e *endpoint) (a *allocation, err error) {
	q := &e.request
	var socket *boundSocket
	if q.token != nil {
		if socket, err = s.reserved.redeem(token(q.token), q.account()); err != nil {
			return nil, err
		}
	}
	count, free := 1, s.addresses.freePorts(q.is4)
	switch {
	case socket != nil:
		free = math.MaxInt // the socket is bound already
	case q.reserveNext:
		count = 2
	}
	rateLimit, victims, err := s.registry.reserve(q.account(), q.client.Addr(), count, free)
	s.endAllocations(victims, endDisplaced)
	if err != nil {
		s.log.Debug("allocation refused", "user", q.user, "err", err)
		if socket != nil {
			socket.discard()
		}
		return nil, err
	}
	var reserved []byte
	if socket == nil {
		socket, reserved, err = s.openSocket(q)
	}
	if err == nil {
		a, err = e.newAllocation(socket, rateLimit)
	}
	if err != nil {
		if reserved != nil {
			s.reserved.expire(token(reserved))
		}
		s.registry.cancel(q.account(), q.client.Addr())
		return nil, err
	}
	a.reserved = reserved
	return a, nil
}

// openSocket binds the relay socket of an allocation and, if the request asks for it, reserves
// the next port; reserved is the token of that. The caller has counted both in the quotas; on
// an error, the second is given back.
func (s *Server) openSocket(q *request) (socket *boundSocket, reserved []byte, err error) {
	if !q.reserveNext {
		socket, err = s.addresses.open(q.is4, func(port uint16) bool { return !q.evenPort || port%2 == 0 })
		s.countFailed(err)
		return socket, nil, err
	}
	socket, next, err := s.addresses.openPair(q.is4)
	if err != nil {
		s.registry.cancel(q.account(), q.client.Addr())
		s.countFailed(err)
		return nil, nil, err
	}
	t, err := s.reserved.add(next, q.account(), q.client.Addr())
	if err != nil {
		s.registry.cancel(q.account(), q.client.Addr())
		next.discard()
		socket.discard()
		return nil, nil, err
	}
	return socket, t[:], nil
}

// newAllocation makes an allocation with a relay socket, which is closed on an error.
func (e *endpoint) newAllocation(socket *boundSocket, rateLimit *limit.Bucket) (a *allocation, err error) {
	q := &e.request
	relayed := netip.AddrPortFrom(*socket.address.public.Load(), socket.port)
	a = &allocation{
		endpoint: e, address: socket.address, client: q.client,
		relayed: relayed, relayedAddr: net.UDPAddrFromAddrPort(relayed),
		bound:    netip.AddrPortFrom(socket.address.bind, socket.port),
		username: q.username, user: q.user, kind: q.kind, check: q.check, since: time.Now(), key: q.key, id: q.id, granted: q.lifetime,
	}
	if q.both {
		a.missingCode = codeInsufficientCapacity
		if !e.server.addresses.has(!q.is4) {
			a.missingCode = codeFamilyNotSupported
		}
	}
	var group *datapath.Group
	if q.check != nil {
		group = q.check.group
	}
	a.data, err = e.server.path.Open(e.conn.Client(q.client, q.at), socket.conn, datapath.RelayConfig{
		Relayed: a.relayed, Bound: a.bound, UserLimit: rateLimit, Group: group, Closed: a.socketClosed,
	})
	if err != nil {
		socket.address.ports.restore(socket.port)
		e.server.failedAllocations.Add(1)
		return nil, err
	}
	if q.dontFragment {
		// What it sends is fragmented unless a Send indication forbids it. It must be
		// possible to forbid it.
		if err = errors.Join(a.data.DontFragment(true), a.data.DontFragment(false)); err != nil {
			a.data.Close()
			return nil, errors.Join(errMayFragment, err)
		}
	}
	return a, nil
}

// countFailed counts an allocation that failed for want of a port or socket, if err is not nil,
// and logs it at most once in ten seconds.
func (s *Server) countFailed(err error) {
	if err == nil {
		return
	}
	s.failedAllocations.Add(1)
	const every = 10 * time.Second
	now := time.Now().UnixNano()
	last := s.loggedExhausted.Load()
	if now-last >= int64(every) && s.loggedExhausted.CompareAndSwap(last, now) {
		s.log.Warn("a relay could not be opened", "err", err)
	}
}
