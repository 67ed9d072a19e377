package turnserver

import (
	"errors"

	"callbox/turnserver/wire"
)

// authenticate finds out who sends the request, by the long-term credential
// mechanism (RFC 8489 section 9.2.4), and finds the client's relay. The nonce is
// looked at first, as RFC 5389 has it: who has none of ours costs nothing more.
func (e *endpoint) authenticate(m wire.Message) *refusal {
	q := &e.request
	if !m.HasIntegrity() {
		return refuse(codeUnauthorized)
	}
	username, hasUsername := m.Get(wire.Username)
	realm, hasRealm := m.Get(wire.Realm)
	nonce, hasNonce := m.Get(wire.Nonce)
	if !hasUsername || !hasRealm || !hasNonce {
		return refuse(codeBadRequest)
	}
	if !e.server.nonces.fresh(nonce, q.client) {
		return refuse(codeStaleNonce)
	}
	q.username, q.relay = string(username), e.relayOf(q.client)
	r, allocate := q.relay, q.method == wire.Allocate
	if r != nil && (!allocate || r.id == q.id) && r.keeps(q.username, string(realm), m) {
		q.key, q.user, q.kind = r.key, r.user, r.kind
		return nil
	}
	who, err := e.server.credentials.verify(q.username, string(realm), q.client.Addr(), m)
	switch {
	case err != nil:
		return e.distrust(codeUnauthorized, err)
	case who.expired:
		return e.distrust(codeUnauthorized, errExpired)
	}
	q.key = who.key
	if r != nil && r.username != q.username && !allocate {
		return e.distrust(codeWrongCredentials, errNotOwner) // RFC 8656 section 5
	}
	q.user, q.kind = who.user, who.kind
	return nil
}

// distrust counts a credential that was not accepted.
func (e *endpoint) distrust(code int, cause error) *refusal {
	failure := authFailure(cause)
	e.server.authFailures.add(failure)
	if errors.Is(cause, errGuessing) {
		e.request.user = e.request.username // there is such a user, for whoever reads the log
	}
	e.server.log.Debug("credential not accepted", "protocol", string(e.protocol), "client", e.request.client.String(), "err", cause)
	return refuseFor(code, failure)
}
