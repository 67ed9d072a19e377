package turnserver

import (
	"crypto/rand"
	"net"
	"time"

	"callbox/turnserver/wire"
)

// pion keeps the state of allocations, and authenticates every request in its own way. The
// guard has already authenticated it. So each request that it lets pass is rebuilt, with only
// the attributes that pion should see, and signed with a key that only the two of them have.
// Its nonce is the latest one of pion's.

// controlUser is the user name of all clients to pion.
const controlUser = "client"

// maxAttempts bounds how often pion is given one request: the first time the nonce may be
// missing or stale, and pion answers with a new one.
const maxAttempts = 3

// control is what an endpoint and its pion server share.
type control struct {
	key   [16]byte
	nonce []byte // the latest one of pion's
}

func newControl() *control {
	c := &control{}
	_, _ = rand.Read(c.key[:]) // never fails
	return c
}

// toPion rebuilds the request being handled for pion.
func (e *endpoint) toPion() []byte {
	q := &e.request
	q.withPion = true
	q.attempts++
	b := wire.Build(make([]byte, 0, answerRoom), wire.NewType(q.method, wire.Request), q.id)
	switch q.method {
	case wire.Allocate:
		b.Add(wire.RequestedTransport, []byte{wire.TransportUDP, 0, 0, 0})
		b.AddUint32(wire.Lifetime, uint32(q.lifetime/time.Second)) //nolint:gosec // at most an hour
	case wire.Refresh:
		b.AddUint32(wire.Lifetime, uint32(q.lifetime/time.Second)) //nolint:gosec // at most an hour
	case wire.ChannelBind:
		b.AddUint32(wire.ChannelNumber, uint32(q.channel)<<16)
	default:
	}
	for _, peer := range q.peers {
		b.AddXORAddress(wire.XORPeerAddress, peer)
	}
	b.AddString(wire.Username, controlUser)
	b.AddString(wire.Realm, e.server.credentials.realm)
	b.Add(wire.Nonce, e.control.nonce)
	b.Sign(e.control.key[:])
	return b.Bytes()
}

// authenticatePion is pion's AuthHandler. The guard has already authenticated the client.
func (e *endpoint) authenticatePion(string, string, net.Addr) ([]byte, bool) {
	return e.control.key[:], true
}

// fromPion handles pion's response to the request being handled. pion responds on the
// goroutine that reads, before it reads again.
func (e *endpoint) fromPion(m wire.Message) {
	q := &e.request
	if !q.withPion || m.TransactionID() != q.id {
		return
	}
	q.withPion = false
	if m.Type().Class() == wire.Success {
		switch {
		case q.refusal != nil:
			e.answerError(q.refusal)
		case !q.silent:
			e.answerSuccess()
		}
		return
	}
	if nonce, ok := m.Get(wire.Nonce); ok && q.attempts < maxAttempts {
		e.control.nonce = append(e.control.nonce[:0], nonce...)
		e.retry = true
		return
	}
	refused := q.refusal
	if refused == nil {
		refused = refuse(pionCode(m))
	}
	e.answerError(refused)
}

// pionCode returns the code of an error response of pion's.
func pionCode(m wire.Message) int {
	value, ok := m.Get(wire.ErrorCode)
	if !ok || len(value) < 4 {
		return codeServerError
	}
	return int(value[2]&7)*100 + int(value[3])
}

// onError is called when pion could not handle a message. pion does not answer a request whose
// allocation has just ended, so that is done here (RFC 8656 section 5).
func (e *endpoint) onError(_, _ net.Addr, _, _ string) {
	if q := &e.request; q.withPion {
		q.withPion = false
		e.answerError(refuse(codeAllocationMismatch))
	}
}
