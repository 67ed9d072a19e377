package turnserver

import (
	"time"

	"callbox/turnserver/wire"
)

const (
	// software is the SOFTWARE of answers: no version, which would tell who looks
	// for a known fault where to find it.
	software = "callbox"

	// answerRoom is enough for most answers.
	answerRoom = 192
	// maxGain is how many times longer than the request the answer to one that
	// proves nothing may be: it goes to whatever address the request names as its
	// own. REALM and NONCE, which it cannot do without, are the exception.
	maxGain = 4
)

// answerError refuses the request being handled. An answer to one that proved
// who sends it is signed (RFC 8489 section 9.2.4); the others are bounded in
// number and length.
func (e *endpoint) answerError(refused *refusal) {
	q := &e.request
	signed := q.key != nil
	if q.silent {
		return
	}
	if e.noteRefusal(refused); !signed && !e.mayAnswer() {
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

// attributeLen is how long an attribute is, with its header and padding.
func attributeLen(value int) int { return 4 + (value+3)&^3 }

// mayAnswer says whether a client that has proved nothing may have one more
// answer. One on a stream has proved where it is.
func (e *endpoint) mayAnswer() bool {
	return e.protocol != UDP || e.server.answers.Answer(e.server.uptime(), e.request.client, e.request.id[:])
}

// answerAllocate tells which relay the client has (RFC 8656 section 7.2).
func (e *endpoint) answerAllocate(r *relay) {
	q := &e.request
	b := wire.Build(make([]byte, 0, answerRoom), wire.NewType(q.method, wire.Success), q.id)
	b.AddXORAddress(wire.XORRelayedAddress, r.relayed)
	b.AddXORAddress(wire.XORMappedAddress, q.client)
	b.AddUint32(wire.Lifetime, uint32(r.granted/time.Second)) //nolint:gosec // at most an hour
	if r.reserved != nil {
		b.Add(wire.ReservationToken, r.reserved)
	}
	if r.missing != 0 {
		// ADDRESS-ERROR-CODE (RFC 8656 section 18.12): the relay of the other
		// family was refused.
		other := wire.IPv4
		if r.relayed.Addr().Is4() {
			other = wire.IPv6
		}
		b.AddUint32(wire.AddressErrorCode, uint32(other)<<24|uint32(r.missing/100)<<8|uint32(r.missing%100)) //nolint:gosec // three digits
	}
	b.AddString(wire.Software, software)
	e.answer(&b)
}

// answerSuccess tells that pion has carried the request out.
func (e *endpoint) answerSuccess() {
	q := &e.request
	switch q.method {
	case wire.Allocate:
		e.answerAllocate(q.relay)
		return
	case wire.Refresh:
		q.relay.setLifetime(q.lifetime)
	default:
	}
	b := wire.Build(make([]byte, 0, answerRoom), wire.NewType(q.method, wire.Success), q.id)
	if q.method == wire.Refresh {
		b.AddUint32(wire.Lifetime, uint32(q.lifetime/time.Second)) //nolint:gosec // at most an hour
	}
	b.AddString(wire.Software, software)
	e.answer(&b)
	if q.method == wire.ChannelBind {
		q.relay.data.Announce(q.channel)
	}
}

// answer signs and sends the answer to the request being handled.
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
