package signaling

import (
	"crypto/rand"
	"time"

	"callbox/signaling/protocol"
)

// probeWait is how long a silent seat in a full room is given to answer.
const probeTimeout = 2 * time.Second

// Grant is what [Config.Authorize] gives to who may join.
type Grant struct {
	// Name is the peer's name, whatever the join says; empty = as it says.
	Name string
}

// entry is a join that passed the first checks.
type joinAttempt struct {
	connection *connection
	request    protocol.Join   // Room is canonical
	claim      claim           // of Resume or Replace
	joined     protocol.Joined // as far as it needs no lock
	authorized bool            // it may take a seat that nobody holds
	nonceKnown bool            // the nonce is that of the peer in joined
}

func (c *connection) join(r protocol.Join, fx *effects) {
	result, refusal := c.admitJoin(r, fx)
	c.server.counters.joins[result].Add(1)
	if refusal != nil {
		c.sendReply(refusal, fx)
	}
}

// tryJoin carries a join out. refusal is nil when joined has been queued.
func (c *connection) admitJoin(r protocol.Join, fx *effects) (result joinResult, refusal protocol.Frame) {
	if c.session.Load() != nil {
		return joinRefused, protocol.Error{ID: r.ID, Code: protocol.CodeAlreadyJoined, Message: "leave the room first"}
	}
	j := joinAttempt{connection: c, request: r}
	if fault, ok := j.check(&c.server.config.Limits).(protocol.Error); ok { //nolint:errorlint // it returns nothing else, unwrapped
		fault.ID = r.ID
		return joinRefused, fault
	}
	if result, refusal := j.authorize(fx); refusal != nil {
		return result, refusal
	}
	return j.takeSeat(fx)
}

// check tells what is wrong with the request by itself.
func (j *joinAttempt) check(limits *Limits) error {
	r := &j.request
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
func (j *joinAttempt) authorize(fx *effects) (result joinResult, refusal protocol.Frame) {
	r, s := &j.request, j.connection.server
	token := r.Resume + r.Replace // there is one of them at most
	if token == "" {
		return j.authorizeNew(fx)
	}
	claim, err := s.tokens.Load().decode(token)
	switch {
	case err == errForged: //nolint:errorlint // decode returns it unwrapped
		if result, refusal := j.countFailure(fx); refusal != nil {
			return result, refusal
		}
		return j.refuseUnauthorized()
	case err != nil || claim.room != roomHash(r.Room) || claim.expires <= time.Now().Unix():
		return j.refuseUnauthorized()
	}
	j.claim = claim
	return joinOK, nil
}

// admitNew decides about a join that has no seat yet. The token is verified
// before anything is counted: whatever strangers behind the same address do, a
// good one gets in. Counting failures first would protect no secret, since one
// of 32 bytes cannot be guessed at any rate.
func (j *joinAttempt) authorizeNew(fx *effects) (result joinResult, refusal protocol.Frame) {
	r, s := &j.request, j.connection.server
	if j.connection.is(stateReserved) && !j.connection.leaveReserve() {
		return joinRateLimited, s.rateLimited(r.ID, "the server has too many connections now", retrySeatAfter)
	}
	if s.config.Authorize != nil {
		grant, err := s.config.Authorize(r.Token, r.Room)
		if err != nil {
			if result, refusal := j.countFailure(fx); refusal != nil {
				return result, refusal
			}
			return joinUnauthorized, protocol.Error{ID: r.ID, Code: protocol.CodeUnauthorized, Message: err.Error()}
		}
		if grant.Name != "" {
			r.Name = protocol.VisibleName(grant.Name)
		}
	}
	if wait := s.addresses.addJoin(j.connection.addr, fx.now(s)); wait > 0 {
		return joinRateLimited, s.rateLimited(r.ID, "too many joins from this address", wait)
	}
	j.authorized = true
	return joinOK, nil
}

// failed counts a refused token. refusal is nil unless the address has shown
// too many.
func (j *joinAttempt) countFailure(fx *effects) (result joinResult, refusal protocol.Frame) {
	s := j.connection.server
	if wait := s.addresses.addFailure(j.connection.addr, fx.now(s)); wait > 0 {
		return joinRateLimited, s.rateLimited(j.request.ID, "too many refused tokens from this address", wait)
	}
	return joinOK, nil
}

func (j *joinAttempt) refuseUnauthorized() (joinResult, protocol.Frame) {
	return joinUnauthorized, protocol.Error{
		ID: j.request.ID, Code: protocol.CodeUnauthorized, Message: "this seat cannot be taken back; join anew",
	}
}

func closingError(id uint64) protocol.Error {
	return protocol.Error{
		ID: id, Code: protocol.CodeClosing, Message: "the server is going down",
		Retry: true, After: protocol.SecondsOf(reconnectAfter),
	}
}

// enter takes the seat. In a full room it first makes sure that those who sit
// there are alive, which may take probeWait; this connection's client can
// wait.
func (j *joinAttempt) takeSeat(fx *effects) (joinResult, protocol.Frame) {
	c, s := j.connection, j.connection.server
	for probed := false; ; {
		j.prepareJoined()
		result, occupants := s.rooms.takeSeat(j, fx)
		switch result {
		case joinAgain:
			continue
		case joinUnauthorized:
			return j.refuseUnauthorized()
		case joinBarred:
			return joinUnauthorized, protocol.Error{
				ID: j.request.ID, Code: protocol.CodeUnauthorized,
				Message: "the operator has put this address out of the room for now; try again later, or meet in another room",
			}
		case joinUnadmitted:
			if result, refusal := j.authorizeNew(fx); refusal != nil {
				return result, refusal
			}
			continue
		case joinFull:
			if probed || !j.probeOccupants(occupants, fx) {
				return joinFull, protocol.Full{ID: j.request.ID, Room: j.request.Room, Capacity: s.config.Capacity}
			}
			probed = true
			continue
		case joinRateLimited:
			return result, s.rateLimited(j.request.ID, "no more seats for this address now, those of broken connections count too", retrySeatAfter)
		default:
			s.log.Debug("peer joined", "peer", j.joined.Peer)
		}
		if c.is(stateEnded) {
			return joinRefused, nil
		}
		return result, nil
	}
}

// probe has the silent ones of taken answer, and flushes out before it waits.
func (j *joinAttempt) probeOccupants(occupants []*connection, fx *effects) bool {
	c := j.connection
	if !c.transport.prepareToBlock() {
		return false
	}
	c.state.Or(stateWaiting)
	defer c.state.And(^uint32(stateWaiting))
	return c.server.probe(occupants, fx) && !c.is(stateEnded)
}

// prepare says what joined will say, as far as it needs no lock: the ICE
// servers are asked for for one peer id.
func (j *joinAttempt) prepareJoined() {
	c, r := j.connection, &j.request
	s := c.server
	var peer string
	j.nonceKnown = false
	switch {
	case r.Resume != "":
		peer = j.claim.peer
	case r.Nonce != "" && r.Replace == "":
		peer = s.rooms.peerByNonce(r.Room, r.Nonce)
		j.nonceKnown = peer != ""
	}
	if peer == "" {
		peer = newPeerID()
	}
	servers, ttl := s.iceServers(peer, c.localAddr)
	j.joined = protocol.Joined{
		ID: r.ID, Room: r.Room, Peer: peer, Capacity: s.config.Capacity,
		Grace: protocol.SecondsOf(s.config.Grace), Ping: protocol.SecondsOf(s.config.Ping), ICEServers: servers, ICETTL: ttl,
	}
}

// newPeerID returns an id with 100 random bits, of letters and digits.
func newPeerID() string {
	return "p" + rand.Text()[:20]
}
