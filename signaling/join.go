package signaling

import (
	"crypto/rand"
	"time"

	"callbox/signaling/protocol"
)

// probeWait is how long a silent seat in a full room is given to answer.
const probeWait = 2 * time.Second

// Grant is what [Config.Authorize] gives to who may join.
type Grant struct {
	// Name is the peer's name, whatever the join says; empty = as it says.
	Name string
}

// entry is a join that passed the first checks.
type entry struct {
	connection *connection
	request    protocol.Join   // Room is canonical
	claim      claim           // of Resume or Replace
	joined     protocol.Joined // as far as it needs no lock
	admitted   bool            // it may take a seat that nobody holds
	known      bool            // the nonce is that of the peer in joined
}

func (c *connection) join(r protocol.Join, fx *effects) {
	result, refusal := c.tryJoin(r, fx)
	c.server.counters.joins[result].Add(1)
	if refusal != nil {
		c.reply(refusal, fx)
	}
}

// tryJoin carries a join out. refusal is nil when joined has been queued.
func (c *connection) tryJoin(r protocol.Join, fx *effects) (result joinResult, refusal protocol.Frame) {
	if c.session.Load() != nil {
		return joinRefused, protocol.Error{ID: r.ID, Code: protocol.CodeAlreadyJoined, Message: "leave the room first"}
	}
	e := entry{connection: c, request: r}
	if fault, ok := e.check(&c.server.config.Limits).(protocol.Error); ok { //nolint:errorlint // it returns nothing else, unwrapped
		fault.ID = r.ID
		return joinRefused, fault
	}
	if result, refusal := e.admit(fx); refusal != nil {
		return result, refusal
	}
	return e.enter(fx)
}

// check tells what is wrong with the request by itself.
func (e *entry) check(limits *Limits) error {
	r := &e.request
	room, err := protocol.CanonicalRoom(r.Room, limits.RoomName)
	if err != nil {
		return err
	}
	r.Room = room
	if r.Nonce != "" {
		if err := protocol.CheckNonce(r.Nonce); err != nil {
			return err
		}
	}
	r.Name = protocol.VisibleName(r.Name)
	return protocol.CheckPeerName(r.Name, limits.PeerName)
}

// admit decides whether the client may try. A validly signed resume or replace
// stands for all that its first join had to show, as long as there is a seat to
// take back or over.
func (e *entry) admit(fx *effects) (result joinResult, refusal protocol.Frame) {
	r, s := &e.request, e.connection.server
	token := r.Resume + r.Replace // there is one of them at most
	if token == "" {
		return e.admitNew(fx)
	}
	claim, err := s.tokens.Load().decode(token)
	switch {
	case err == errForged: //nolint:errorlint // decode returns it unwrapped
		if result, refusal := e.failed(fx); refusal != nil {
			return result, refusal
		}
		return e.unauthorized()
	case err != nil || claim.room != roomHash(r.Room) || claim.expires <= time.Now().Unix():
		return e.unauthorized()
	}
	e.claim = claim
	return joinOK, nil
}

// admitNew decides about a join that has no seat yet. The token is verified
// before anything is counted: whatever strangers behind the same address do, a
// good one gets in. Counting failures first would protect no secret, since one
// of 32 bytes cannot be guessed at any rate.
func (e *entry) admitNew(fx *effects) (result joinResult, refusal protocol.Frame) {
	r, s := &e.request, e.connection.server
	if e.connection.is(stateSpare) && !e.connection.leaveSpare() {
		return joinRateLimited, s.rateLimited(r.ID, "the server has too many connections now", retrySeat)
	}
	if s.config.Authorize != nil {
		grant, err := s.config.Authorize(r.Token, r.Room)
		if err != nil {
			if result, refusal := e.failed(fx); refusal != nil {
				return result, refusal
			}
			return joinUnauthorized, protocol.Error{ID: r.ID, Code: protocol.CodeUnauthorized, Message: err.Error()}
		}
		if grant.Name != "" {
			r.Name = protocol.VisibleName(grant.Name)
		}
	}
	if wait := s.addresses.join(e.connection.addr, fx.now(s)); wait > 0 {
		return joinRateLimited, s.rateLimited(r.ID, "too many joins from this address", wait)
	}
	e.admitted = true
	return joinOK, nil
}

// failed counts a refused token. refusal is nil unless the address has shown
// too many.
func (e *entry) failed(fx *effects) (result joinResult, refusal protocol.Frame) {
	s := e.connection.server
	if wait := s.addresses.fail(e.connection.addr, fx.now(s)); wait > 0 {
		return joinRateLimited, s.rateLimited(e.request.ID, "too many refused tokens from this address", wait)
	}
	return joinOK, nil
}

func (e *entry) unauthorized() (joinResult, protocol.Frame) {
	return joinUnauthorized, protocol.Error{
		ID: e.request.ID, Code: protocol.CodeUnauthorized, Message: "this seat cannot be taken back; join anew",
	}
}

func closingError(id uint64) protocol.Error {
	return protocol.Error{
		ID: id, Code: protocol.CodeClosing, Message: "the server is going down",
		Retry: true, After: protocol.SecondsOf(comeBackAfter),
	}
}

// enter takes the seat. In a full room it first makes sure that those who sit
// there are alive, which may take probeWait; this connection's client can
// wait.
func (e *entry) enter(fx *effects) (joinResult, protocol.Frame) {
	c, s := e.connection, e.connection.server
	for probed := false; ; {
		e.prepare()
		result, taken := s.rooms.enter(e, fx)
		switch result {
		case joinAgain:
			continue
		case joinUnauthorized:
			return e.unauthorized()
		case joinBarred:
			return joinUnauthorized, protocol.Error{
				ID: e.request.ID, Code: protocol.CodeUnauthorized,
				Message: "the operator has put this address out of the room for now; try again later, or meet in another room",
			}
		case joinUnadmitted:
			if result, refusal := e.admitNew(fx); refusal != nil {
				return result, refusal
			}
			continue
		case joinFull:
			if probed || !e.probe(taken, fx) {
				return joinFull, protocol.Full{ID: e.request.ID, Room: e.request.Room, Capacity: s.config.Capacity}
			}
			probed = true
			continue
		case joinRateLimited:
			return result, s.rateLimited(e.request.ID, "no more seats for this address now, those of broken connections count too", retrySeat)
		default:
			s.log.Debug("peer joined", "peer", e.joined.Peer)
		}
		if c.is(stateEnded) {
			return joinRefused, nil
		}
		return result, nil
	}
}

// probe has the silent ones of taken answer, and flushes out before it waits.
func (e *entry) probe(taken []*connection, fx *effects) bool {
	c := e.connection
	if !c.transport.wait() {
		return false
	}
	c.state.Or(stateWaiting)
	defer c.state.And(^uint32(stateWaiting))
	return c.server.probe(taken, fx) && !c.is(stateEnded)
}

// prepare says what joined will say, as far as it needs no lock: the ICE
// servers are asked for for one peer id.
func (e *entry) prepare() {
	c, r := e.connection, &e.request
	s := c.server
	var peer string
	e.known = false
	switch {
	case r.Resume != "":
		peer = e.claim.peer
	case r.Nonce != "" && r.Replace == "":
		peer = s.rooms.withNonce(r.Room, r.Nonce)
		e.known = peer != ""
	}
	if peer == "" {
		peer = newPeerID()
	}
	servers, ttl := s.iceServers(peer, c.arrived)
	e.joined = protocol.Joined{
		ID: r.ID, Room: r.Room, Peer: peer, Capacity: s.config.Capacity,
		Grace: protocol.SecondsOf(s.config.Grace), Ping: protocol.SecondsOf(s.config.Ping), ICEServers: servers, ICETTL: ttl,
	}
}

// newPeerID returns an id with 100 random bits, of letters and digits.
func newPeerID() string {
	return "p" + rand.Text()[:20]
}
