package turnserver

import "callbox/turnserver/wire"

// reservationTokenLen is the length of RESERVATION-TOKEN (RFC 8656 section
// 18.9).
const reservationTokenLen = 8

// checkAllocate checks an Allocate request (RFC 8656 section 7.2), except for ports and quotas:
// see openAllocation.
func (e *endpoint) checkAllocate(m wire.Message) *refusal {
	q := &e.request
	if a := q.allocation; a != nil {
		if a.id == q.id && a.username == q.username {
			return nil // a retransmission
		}
		return refuse(codeAllocationMismatch)
	}
	transport, ok := m.Get(wire.RequestedTransport)
	switch {
	case !ok || len(transport) != 4:
		return refuse(codeBadRequest)
	case transport[0] != wire.TransportUDP:
		return refuse(codeUnsupportedTransport)
	}
	q.dontFragment = m.Has(wire.DontFragment)
	if refused := q.readPort(m); refused != nil {
		return refused
	}
	if refused := e.readFamily(m); refused != nil {
		return refused
	}
	return e.readLifetime(m)
}

// readPort reads EVEN-PORT and RESERVATION-TOKEN, which exclude one another.
func (q *request) readPort(m wire.Message) *refusal {
	even, hasEven := m.Get(wire.EvenPort)
	token, hasToken := m.Get(wire.ReservationToken)
	switch {
	case hasEven && hasToken,
		hasEven && len(even) != 1,
		hasToken && (len(token) != reservationTokenLen || m.Has(wire.RequestedAddressFamily) || m.Has(wire.AdditionalAddressFamily)):
		return refuse(codeBadRequest)
	case hasToken:
		q.token = append([]byte(nil), token...)
	case hasEven:
		const next = 0x80
		q.evenPort, q.reserveNext = true, even[0]&next != 0
	}
	return nil
}

// readFamily reads REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY. A client that asks
// for both families gets one, IPv4 if the server has it, and is told that it does not get the
// other.
func (e *endpoint) readFamily(m wire.Message) *refusal {
	q := &e.request
	asked, refused := family(m, wire.RequestedAddressFamily)
	if refused != nil {
		return refused
	}
	additional, refused := family(m, wire.AdditionalAddressFamily)
	if refused != nil {
		return refused
	}
	switch {
	case additional != 0 && (additional != wire.IPv6 || asked != 0 || q.reserveNext):
		return refuse(codeBadRequest)
	case asked != 0 && asked != wire.IPv4 && asked != wire.IPv6:
		return refuse(codeFamilyNotSupported)
	}
	q.both = additional != 0
	if q.is4 = e.server.wantsIPv4(asked, q.client.Addr()); q.both {
		q.is4 = e.server.addresses.has(true)
	}
	if q.token == nil && !e.server.addresses.has(q.is4) {
		return refuse(codeFamilyNotSupported)
	}
	return nil
}
