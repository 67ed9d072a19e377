package turnserver

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver/datapath"
)

// The endpoint is its own turn.RelayAddressGenerator: pion calls it while the
// Allocate request is being handled, so it sees what v4 does not pass on.

// Validate is part of turn.RelayAddressGenerator.
func (e *endpoint) Validate() error { return nil }

// AllocateConn is part of turn.RelayAddressGenerator.
func (e *endpoint) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, errOnlyUDP
}

// AllocatePacketConn opens the relay of the request being handled. With
// EVEN-PORT pion calls it twice: once to learn of a free even port, closing the
// relay again, and once with that port.
func (e *endpoint) AllocatePacketConn(_ string, port int) (net.PacketConn, net.Addr, error) {
	q := &e.request
	is4, ok := q.wantsIPv4()
	switch {
	case q.transport() != transportUDP:
		return nil, nil, e.fail(stun.CodeUnsupportedTransProto, errOnlyUDP)
	case !ok || !e.server.addresses.has(is4):
		return nil, nil, e.fail(stun.CodeAddrFamilyNotSupported, errFamily)
	}
	fits := func(uint16) bool { return true }
	if port != 0 {
		fits = func(p uint16) bool { return int(p) == port }
	} else if q.message.Contains(stun.AttrEvenPort) {
		fits = func(p uint16) bool { return p%2 == 0 }
	}
	r, err := e.server.openRelay(e, is4, fits)
	if err != nil {
		code := stun.CodeInsufficientCapacity
		switch {
		case errors.Is(err, errUserQuota), errors.Is(err, errAddressQuota), errors.Is(err, errTotalQuota):
			code = stun.CodeAllocQuotaReached
		}
		return nil, nil, e.fail(code, err)
	}
	q.relay = r
	return r, r.relayedAddr, nil
}

func (e *endpoint) fail(code stun.ErrorCode, err error) error {
	e.request.code = code
	return err
}

func (s *Server) openRelay(e *endpoint, is4 bool, fits func(uint16) bool) (*relay, error) {
	q := &e.request
	bytes, err := s.relays.reserve(q.user, q.client.Addr())
	if err != nil {
		s.log.Debug("allocation refused", "user", q.user, "err", err)
		return nil, err
	}
	conn, address, port, err := s.addresses.open(is4, fits)
	if err != nil {
		s.relays.cancel(q.user, q.client.Addr())
		s.failedAllocations.Add(1)
		s.tellExhausted(err)
		return nil, err
	}
	relayed := netip.AddrPortFrom(address.public, port)
	r := &relay{
		endpoint: e, address: address, client: q.client,
		relayed: relayed, relayedAddr: net.UDPAddrFromAddrPort(relayed),
		bound:    netip.AddrPortFrom(address.bind, port),
		username: q.username, user: q.user, since: time.Now(), key: q.key, ended: make(chan struct{}), closing: make(chan struct{}),
		permissions: map[netip.Addr]struct{}{}, channels: map[uint16]struct{}{},
	}
	r.data, err = s.path.Open(e.conn.Client(q.client, q.at), conn, datapath.RelayConfig{
		Relayed: r.relayed, Bound: r.bound, User: bytes, Closed: r.socketClosed,
	})
	if err != nil {
		address.ports.restore(port)
		s.relays.cancel(q.user, q.client.Addr())
		s.failedAllocations.Add(1)
		return nil, err
	}
	return r, nil
}

// tellExhausted logs that relays cannot be opened, at most once in ten seconds.
func (s *Server) tellExhausted(err error) {
	const every = 10 * time.Second
	now := time.Now().UnixNano()
	last := s.toldExhausted.Load()
	if now-last >= int64(every) && s.toldExhausted.CompareAndSwap(last, now) {
		s.log.Warn("a relay could not be opened", "err", err)
	}
}
