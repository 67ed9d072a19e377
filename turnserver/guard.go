package turnserver

import (
	"net/netip"
	"slices"

	"callbox/turnserver/wire"
)

// The guard stands in front of pion: it authenticates every request, checks everything that the
// RFCs want checked, and answers requests that are refused. pion sees only requests that can be
// carried out, rebuilt for it (see control.go).

// guard handles a message that a client has sent to the local address at. It returns the request
// for pion, or nil when there is nothing for pion to do. What is not a well-formed request is
// dropped without an answer (RFC 8489 section 6.3).
func (e *endpoint) guard(p []byte, client netip.AddrPort, at netip.Addr) []byte {
	m, err := wire.Parse(p)
	if err != nil || m.Type().Class() != wire.Request || !m.CheckFingerprint() {
		return nil
	}
	q := &e.request
	q.begin(m, client, at)
	switch q.method {
	case wire.Binding:
		e.answerBinding(m)
		return nil
	case wire.Allocate, wire.Refresh, wire.CreatePermission, wire.ChannelBind:
	default:
		return nil
	}
	if refused := e.check(m); refused != nil {
		e.answerError(refused)
		return nil
	}
	if q.method == wire.Allocate && q.allocation != nil {
		// A retransmission, because the response was lost (RFC 8656 section 7.2).
		e.answerAllocate(q.allocation)
		return nil
	}
	if needsPermission(q.method) && q.allocation.endsSoon() {
		return nil
	}
	if q.method == wire.Refresh && q.lifetime == 0 {
		q.allocation.setEndReason(endDeleted)
	}
	return e.toPion()
}

func needsPermission(method wire.Method) bool {
	return method == wire.CreatePermission || method == wire.ChannelBind
}

// check checks the request as RFC 8489 section 9.2.4 and then RFC 8656 say, in their order. It
// returns why the request is refused, or nil when it is not.
func (e *endpoint) check(m wire.Message) *refusal {
	if refused := e.authenticate(m); refused != nil {
		return refused
	}
	if e.protocol == UDP {
		e.server.answers.Know(e.server.uptime(), e.request.client)
	}
	if unknown := unknownAttributes(m); len(unknown) > 0 {
		return &refusal{code: codeUnknownAttribute, unknown: unknown}
	}
	q := &e.request
	if q.method == wire.Allocate {
		return e.checkAllocate(m)
	}
	if q.allocation == nil {
		return refuse(codeAllocationMismatch) // RFC 8656 section 5
	}
	switch q.method {
	case wire.Refresh:
		return e.checkRefresh(m)
	case wire.ChannelBind:
		if refused := q.readChannel(m); refused != nil {
			return refused
		}
	default:
	}
	if refused := q.readPeers(m); refused != nil {
		return refused
	}
	return e.checkPeers()
}

// checkRefresh checks a Refresh request (RFC 8656 section 8.2).
func (e *endpoint) checkRefresh(m wire.Message) *refusal {
	asked, refused := family(m, wire.RequestedAddressFamily)
	if refused != nil {
		return refused
	}
	if asked != 0 && (asked == wire.IPv4) != e.request.allocation.relayed.Addr().Is4() {
		return refuse(codeFamilyMismatch)
	}
	return e.readLifetime(m)
}

// checkPeers checks whether the allocation may have permissions for the peers of the request,
// and the channel (RFC 8656 sections 10.2 and 12.2): for all of them or for none. A permission
// has no port, so the IP address of any live allocation may have one; the data path checks the
// port of each packet.
func (e *endpoint) checkPeers() *refusal {
	q := &e.request
	a := q.allocation
	for _, peer := range q.peers {
		ip := peer.Addr()
		if a.check != nil && !e.server.registry.mayReach(a, peer, q.channel == 0) {
			e.server.deniedPeers.add(ruleCheck)
			a.logDenied(ruleCheck, ip)
			return refuseFor(codeForbidden, ruleCheck)
		}
		if rule := e.server.policy.denies(ip); rule != "" && !e.server.registry.hasAt(ip) {
			e.server.deniedPeers.add(ruleLabel(rule))
			a.logDenied(rule, ip)
			return refuseFor(codeForbidden, ruleLabel(rule))
		}
		if ip.Is4() != a.relayed.Addr().Is4() {
			return refuse(codeFamilyMismatch)
		}
	}
	if !a.hasRoom(q.peers, q.channel) {
		return refuseFor(codeInsufficientCapacity, "permissions or channels")
	}
	return nil
}

// unknownAttributes returns the comprehension-required attributes that the server does not know
// (RFC 8489 section 6.3.1), except those in also.
func unknownAttributes(m wire.Message, also ...wire.Attr) (unknown []wire.Attr) {
	for attrs := m.Attributes(); attrs.Next(); {
		switch attrs.Type {
		case wire.MappedAddress, wire.Username, wire.ErrorCode, wire.UnknownAttributes, wire.ChannelNumber,
			wire.Lifetime, wire.XORPeerAddress, wire.DataValue, wire.Realm, wire.Nonce, wire.XORRelayedAddress,
			wire.RequestedAddressFamily, wire.EvenPort, wire.RequestedTransport, wire.DontFragment,
			wire.XORMappedAddress, wire.ReservationToken:
		default:
			const enough = 16 // for the response; a request may have hundreds
			if !attrs.Type.Optional() && len(unknown) < enough && !slices.Contains(also, attrs.Type) {
				unknown = append(unknown, attrs.Type)
			}
		}
	}
	return unknown
}
