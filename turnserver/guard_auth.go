package turnserver

import (
	"errors"

	"callbox/turnserver/wire"
)

// authenticate authenticates the request by the long-term credential mechanism (RFC 8489 section
// 9.2.4), and looks up the allocation of the client. The nonce is checked first, as in RFC 5389:
// so a request without a valid one costs nothing more.
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
	q.username, q.allocation = string(username), e.allocationOf(q.client)
	a, isAllocate := q.allocation, q.method == wire.Allocate
	if a != nil && (!isAllocate || a.id == q.id) && a.accepts(q.username, string(realm), m) {
		q.key, q.user, q.kind, q.check = a.key, a.user, a.kind, a.check
		return nil
	}
	who, err := e.server.credentials.verify(q.username, string(realm), q.client.Addr(), m)
	switch {
	case err != nil:
		return e.refuseCredential(codeUnauthorized, err)
	case who.expired:
		return e.refuseCredential(codeUnauthorized, errExpired)
	}
	q.key = who.key
	if a != nil && a.username != q.username && !isAllocate {
		return e.refuseCredential(codeWrongCredentials, errNotOwner) // RFC 8656 section 5
	}
	q.user, q.kind, q.check = who.user, who.kind, who.check
	return nil
}

// refuseCredential counts a credential that was not accepted.
func (e *endpoint) refuseCredential(code int, cause error) *refusal {
	failure := authFailure(cause)
	e.server.authFailures.add(failure)
	if errors.Is(cause, errGuessing) {
		e.request.user = e.request.username // for the log: the user exists
	}
	e.server.log.Debug("credential not accepted", "protocol", string(e.protocol), "client", e.request.client.String(), "err", cause)
	return refuseFor(code, failure)
}
