package turnserver

import (
	"net/netip"
	"slices"

	"callbox/turnserver/wire"
)

// The guard stands before pion: it authenticates every request itself, checks
// all that the RFCs want checked, and answers what is refused. pion sees only
// requests that can be carried out, written anew for it (see control.go).

// guard handles a message that a client has sent to our address at. It returns what pion is to be
// given, nil for nothing. What is neither a request nor well formed is dropped
// without an answer (RFC 8489 section 6.3).
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
	if q.method == wire.Allocate && q.relay != nil {
		// Sent again because the answer was lost (RFC 8656 section 7.2).
		e.answerAllocate(q.relay)
		return nil
	}
	if needsPermission(q.method) && q.relay.ending() {
		return nil
	}
	if q.method == wire.Refresh && q.lifetime == 0 {
		q.relay.endsBecause(endDeleted)
	}
	return e.toPion()
}

func needsPermission(method wire.Method) bool {
	return method == wire.CreatePermission || method == wire.ChannelBind
}

// check does what RFC 8489 section 9.2.4 and then RFC 8656 ask for, in their
// order, and returns why the request is refused, nil when it is not.
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
	if q.relay == nil {
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

// checkRefresh follows RFC 8656 section 8.2.
func (e *endpoint) checkRefresh(m wire.Message) *refusal {
	asked, refused := family(m, wire.RequestedAddressFamily)
	if refused != nil {
		return refused
	}
	if asked != 0 && (asked == wire.IPv4) != e.request.relay.relayed.Addr().Is4() {
		return refuse(codeFamilyMismatch)
	}
	return e.readLifetime(m)
}

// checkPeers says whether the client's relay may have permissions for the peers
// of the request, and a channel (RFC 8656 sections 10.2 and 12.2): for all of
// them or for none. A permission knows no port, so the IP of any live relay of
// ours may have one; each packet is looked at closer.
func (e *endpoint) checkPeers() *refusal {
	q := &e.request
	r := q.relay
	for _, peer := range q.peers {
		ip := peer.Addr()
		if rule := e.server.policy.denies(ip); rule != "" && !e.server.relays.relaysAt(ip) {
			e.server.deniedPeers.add(ruleLabel(rule))
			r.refuse(rule, ip)
			return refuseFor(codeForbidden, ruleLabel(rule))
		}
		if ip.Is4() != r.relayed.Addr().Is4() {
			return refuse(codeFamilyMismatch)
		}
	}
	if !r.admit(q.peers, q.channel) {
		return refuseFor(codeInsufficientCapacity, "permissions or channels")
	}
	return nil
}

// unknownAttributes lists the attributes that must be understood, and are not
// (RFC 8489 section 6.3.1), but for those in also.
func unknownAttributes(m wire.Message, also ...wire.Attr) (unknown []wire.Attr) {
	for attrs := m.Attributes(); attrs.Next(); {
		switch attrs.Type {
		case wire.MappedAddress, wire.Username, wire.ErrorCode, wire.UnknownAttributes, wire.ChannelNumber,
			wire.Lifetime, wire.XORPeerAddress, wire.DataValue, wire.Realm, wire.Nonce, wire.XORRelayedAddress,
			wire.RequestedAddressFamily, wire.EvenPort, wire.RequestedTransport, wire.DontFragment,
			wire.XORMappedAddress, wire.ReservationToken:
		default:
			const enough = 16 // to tell of; a request may name hundreds
			if !attrs.Type.Optional() && len(unknown) < enough && !slices.Contains(also, attrs.Type) {
				unknown = append(unknown, attrs.Type)
			}
		}
	}
	return unknown
}
