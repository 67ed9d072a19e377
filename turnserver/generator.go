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

// errMayFragment says that datagrams of a relay cannot be kept whole.
var errMayFragment = errors.New("the system cannot be kept from fragmenting what a relay sends")

// The endpoint is its own turn.RelayAddressGenerator: pion calls it while the
// Allocate request is being handled, so it sees what v4 does not pass on.

// Validate is part of turn.RelayAddressGenerator.
func (e *endpoint) Validate() error { return nil }

// AllocateConn is part of turn.RelayAddressGenerator.
func (e *endpoint) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, errOnlyUDP
}

// AllocatePacketConn opens the relay of the request being handled.
func (e *endpoint) AllocatePacketConn(string, int) (net.PacketConn, net.Addr, error) {
	q := &e.request
	r, err := e.server.openRelay(e)
	if err != nil {
		q.refusal = allocateRefusal(err)
		return nil, nil, err
	}
	q.relay = r
	return r, r.relayedAddr, nil
}

// allocateRefusal says to a client why it gets no relay.
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

// openRelay opens the relay that the request asks for, and takes its place in
// the quotas.
func (s *Server) openRelay(e *endpoint) (r *relay, err error) {
	q := &e.request
	var p *place
	if q.token != nil {
		if p, err = s.reserved.take(token(q.token), q.account()); err != nil {
			return nil, err
		}
	}
	places, free := 1, s.addresses.freePorts(q.is4)
	switch {
	case p != nil:
		free = math.MaxInt // it needs none
	case q.reserveNext:
		places = 2
	}
	bytes, victims, err := s.relays.reserve(q.account(), q.client.Addr(), places, free)
	s.endRelays(victims, endDisplaced)
	if err != nil {
		s.log.Debug("allocation refused", "user", q.user, "err", err)
		if p != nil {
			p.discard()
		}
		return nil, err
	}
	var reserved []byte
	if p == nil {
		p, reserved, err = s.openPlace(q)
	}
	if err == nil {
		r, err = e.newRelay(p, bytes)
	}
	if err != nil {
		if reserved != nil {
			s.reserved.expire(token(reserved))
		}
		s.relays.cancel(q.account(), q.client.Addr())
		return nil, err
	}
	r.reserved = reserved
	return r, nil
}

// openPlace opens the socket of a relay, and where that is asked for the one
// beside it, which is held. The caller has taken the places of both in the
// quotas; with an error, that of the second is given back.
func (s *Server) openPlace(q *request) (p *place, reserved []byte, err error) {
	if !q.reserveNext {
		p, err = s.addresses.open(q.is4, func(port uint16) bool { return !q.evenPort || port%2 == 0 })
		s.noteExhausted(err)
		return p, nil, err
	}
	p, next, err := s.addresses.openPair(q.is4)
	if err != nil {
		s.relays.cancel(q.account(), q.client.Addr())
		s.noteExhausted(err)
		return nil, nil, err
	}
	t, err := s.reserved.hold(next, q.account(), q.client.Addr())
	if err != nil {
		s.relays.cancel(q.account(), q.client.Addr())
		next.discard()
		p.discard()
		return nil, nil, err
	}
	return p, t[:], nil
}

// newRelay makes a relay of a place, which is gone when there is an error.
func (e *endpoint) newRelay(p *place, bytes *limit.Bucket) (r *relay, err error) {
	q := &e.request
	relayed := netip.AddrPortFrom(*p.address.public.Load(), p.port)
	r = &relay{
		endpoint: e, address: p.address, client: q.client,
		relayed: relayed, relayedAddr: net.UDPAddrFromAddrPort(relayed),
		bound:    netip.AddrPortFrom(p.address.bind, p.port),
		username: q.username, user: q.user, kind: q.kind, since: time.Now(), key: q.key, id: q.id, granted: q.lifetime,
	}
	if q.both {
		r.missing = codeInsufficientCapacity
		if !e.server.addresses.has(!q.is4) {
			r.missing = codeFamilyNotSupported
		}
	}
	r.data, err = e.server.path.Open(e.conn.Client(q.client, q.at), p.conn, datapath.RelayConfig{
		Relayed: r.relayed, Bound: r.bound, User: bytes, Closed: r.socketClosed,
	})
	if err != nil {
		p.address.ports.restore(p.port)
		e.server.failedAllocations.Add(1)
		return nil, err
	}
	if q.dontFragment {
		// What it sends is fragmented unless an indication forbids that, which
		// must be possible then.
		if err = errors.Join(r.data.DontFragment(true), r.data.DontFragment(false)); err != nil {
			r.data.Close()
			return nil, errors.Join(errMayFragment, err)
		}
	}
	return r, nil
}

// noteExhausted counts a relay that could not be opened, and logs it at most
// once in ten seconds.
func (s *Server) noteExhausted(err error) {
	if err == nil {
		return
	}
	s.failedAllocations.Add(1)
	const every = 10 * time.Second
	now := time.Now().UnixNano()
	last := s.toldExhausted.Load()
	if now-last >= int64(every) && s.toldExhausted.CompareAndSwap(last, now) {
		s.log.Warn("a relay could not be opened", "err", err)
	}
}
