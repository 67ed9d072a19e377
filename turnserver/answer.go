package turnserver

import (
	"time"

	"callbox/turnserver/wire"
)

const (
	// software is the SOFTWARE attribute of responses. It has no version, which would tell
	// an attacker where a known fault can be found.
	software = "callbox"

	// answerRoom is the size of a buffer, in bytes, that is enough for most responses.
	answerRoom = 192
	// maxGain limits the response to an unauthenticated request to this multiple of the
	// request's length: it goes to whatever source address the request has. REALM and
	// NONCE, which it cannot do without, are the exception.
	maxGain = 4
)

// answerError answers the request being handled with an error. The response to an
// authenticated request is signed (RFC 8489 section 9.2.4); all others are bounded in number
// and length.
func (e *endpoint) answerError(refused *refusal) {
	q := &e.request
	signed := q.key != nil
	if q.silent {
		return
	}
	if e.countRefusal(refused); !signed && !e.mayAnswer() {
		return
	}
	b := wire.Build(make([]byte, 0, answerRoom), wire.NewType(q.method, wire.Error), q.id)
	text := reason(refused.code)
	var nonce []byte
	need := b.Len() + attributeLen(0)
	if challenge := refused.code == codeUnauthorized || refused.code == codeStaleNonce; challenge {
		nonce = e.server.nonces.appendTo(nil, q.client)
		need += attributeLen(len(e.server.credentials.realm)) + attributeLen(len(nonce))
	}
	need += attributeLen(2 * len(refused.unknown))
	if !signed && need+len(text) > maxGain*q.length {
		text = ""
	}
	b.AddError(refused.code, text)
	if len(refused.unknown) > 0 {
		b.AddUnknown(refused.unknown)
	}
	if nonce != nil {
		b.AddString(wire.Realm, e.server.credentials.realm)
		b.Add(wire.Nonce, nonce)
	}
	if signed {
		b.AddString(wire.Software, software)
	}
	e.answer(&b)
}

// attributeLen returns the length of an attribute with its header and padding.
func attributeLen(value int) int { return 4 + (value+3)&^3 }

// mayAnswer reports whether a client that is not authenticated gets one more response. On a
// stream it always does, since it has proved its address.
func (e *endpoint) mayAnswer() bool {
	return e.protocol != UDP || e.server.answers.Answer(e.server.uptime(), e.request.client, e.request.id[:])
}

// answerAllocate tells the client about its allocation (RFC 8656 section 7.2).
func (e *endpoint) answerAllocate(a *allocation) {
	q := &e.request
	b := wire.Build(make([]byte, 0, answerRoom), wire.NewType(q.method, wire.Success), q.id)
	b.AddXORAddress(wire.XORRelayedAddress, a.relayed)
	b.AddXORAddress(wire.XORMappedAddress, q.client)
	b.AddUint32(wire.Lifetime, uint32(a.granted/time.Second)) //nolint:gosec // at most an hour
	if a.reserved != nil {
		b.Add(wire.ReservationToken, a.reserved)
	}
	if a.missingCode != 0 {
		// ADDRESS-ERROR-CODE (RFC 8656 section 18.12): a relayed address of the other
		// family was refused.
		other := wire.IPv4
		if a.relayed.Addr().Is4() {
			other = wire.IPv6
		}
		b.AddUint32(wire.AddressErrorCode, uint32(other)<<24|uint32(a.missingCode/100)<<8|uint32(a.missingCode%100)) //nolint:gosec // three digits
	}
	b.AddString(wire.Software, software)
	e.answer(&b)
}

// answerSuccess answers a request that pion has carried out.
func (e *endpoint) answerSuccess() {
	q := &e.request
	switch q.method {
	case wire.Allocate:
		e.answerAllocate(q.allocation)
		return
	case wire.Refresh:
		q.allocation.setLifetime(q.lifetime)
	default:
	}
	b := wire.Build(make([]byte, 0, answerRoom), wire.NewType(q.method, wire.Success), q.id)
	if q.method == wire.Refresh {
		b.AddUint32(wire.Lifetime, uint32(q.lifetime/time.Second)) //nolint:gosec // at most an hour
	}
	b.AddString(wire.Software, software)
	e.answer(&b)
	if q.method == wire.ChannelBind {
		q.allocation.data.Announce(q.channel)
	}
}

// answer signs and sends the response to the request being handled.
func (e *endpoint) answer(b *wire.Builder) {
	q := &e.request
	if q.key != nil {
		b.Sign(q.key)
	}
	if q.fingerprint {
		b.AddFingerprint()
	}
	if err := e.conn.WriteTo(b.Bytes(), q.client, q.at); err != nil {
		e.server.log.Debug("answer to a client", "protocol", string(e.protocol), "err", err)
	}
}
