package signaling

import (
	"crypto/rand"
	"time"

	"callbox/signaling/protocol"
)

// probeTimeout is how long an idle peer in a full room may take to answer.
const probeTimeout = 2 * time.Second

// Grant is what [Config.Authorize] returns for a client that may join.
type Grant struct {
	// Name overrides the peer name in the join; empty = the join's name.
	Name string
}

// joinResult is how a join ended, as the metrics count it.
type joinResult uint8

const (
	joinNew joinResult = iota
	joinResumed
	joinRecovered
	joinReplaced
	joinFull
	joinUnauthorized
	joinRateLimited
	joinClosing
	joinRefused // anything else
	joinResults // how many there are
)

func (r joinResult) String() string {
	return [joinResults]string{
		"joined", "resumed", "recovered", "replaced", "full", "unauthorized", "rate_limited", "closing", "refused",
	}[r]
}

// joinStep is what a join has to do after rooms.takeSeat.
type joinStep uint8

const (
	stepDone         joinStep = iota // nothing: the join has its result
	stepPrepareAgain                 // another join was quicker: call prepareJoined and try again
	stepAuthorizeNew                 // the replaced peer holds no seat: call authorizeNew and try again
	stepBanned                       // refuse it: the room refuses the client's address
)

// joinRefusal is why a join failed. A nil *joinRefusal means that it may go on.
type joinRefusal struct {
	result joinResult
	reply  protocol.Frame
}

// joinAttempt is one join while it is carried out.
type joinAttempt struct {
	connection *connection
	request    protocol.Join   // Room is canonical
	asked      string          // the room that the client asked for: request.Room, or that of Config.Echo
	echoBefore string          // the client's private room before its page was reloaded, see Echo
	claim      claim           // from Resume or Replace
	joined     protocol.Joined // the reply, as far as it can be filled in without a lock
	authorized bool            // it may take a seat that nobody holds
	nonceKnown bool            // request.Nonce belongs to the peer in joined
}

func (c *connection) join(r protocol.Join, fx *effects) {
	result, reply := c.admitJoin(r, fx)
	c.server.counters.joins[result].Add(1)
	if reply != nil {
		c.sendReply(reply, fx)
	}
}

// admitJoin carries out a join. A nil reply means that joined is already
// queued, or that the connection has ended.
func (c *connection) admitJoin(r protocol.Join, fx *effects) (result joinResult, reply protocol.Frame) {
	if c.session.Load() != nil {
		return joinRefused, protocol.Error{ID: r.ID, Code: protocol.CodeAlreadyJoined, Message: "leave the room first"}
	}
	j := joinAttempt{connection: c, request: r}
	if fault, ok := j.check(&c.server.config.Limits).(protocol.Error); ok { //nolint:errorlint // it returns nothing else, unwrapped
		fault.ID = r.ID
		return joinRefused, fault
	}
	if refusal := j.authorize(fx); refusal != nil {
		return refusal.result, refusal.reply
	}
	return j.takeSeat(fx)
}

// check validates the request's fields and puts the room's name into its
// canonical form.
func (j *joinAttempt) check(limits *Limits) error {
	r := &j.request
	room, err := protocol.CanonicalRoom(r.Room, limits.RoomName)
	if err != nil {
		return err
	}
	r.Room, j.asked = room, room
	if r.Nonce != "" {
		if err := protocol.CheckNonce(r.Nonce); err != nil {
			return err
		}
	}
	r.Name = protocol.VisibleName(r.Name)
	return protocol.CheckPeerName(r.Name, limits.PeerName)
}

// authorize decides whether the client may try to take a seat. A resume or
// replace token with a valid signature stands for everything that its first
// join had to show, as long as that seat, or its successor's, is still held.
func (j *joinAttempt) authorize(fx *effects) *joinRefusal {
	r, s := &j.request, j.connection.server
	token := r.Resume + r.Replace // at most one of them is set
	if token == "" {
		if j.isEcho() {
			j.findEcho(claim{}, fx)
		}
		return j.authorizeNew(fx)
	}
	claim, err := s.tokens.Load().decode(token)
	if err == nil && j.isEcho() {
		if j.findEcho(claim, fx); r.Resume == "" {
			return j.authorizeNew(fx)
		}
	}
	switch {
	case err == errForged: //nolint:errorlint // decode returns it unwrapped
		if refusal := j.countFailure(fx); refusal != nil {
			return refusal
		}
		return j.refuseUnauthorized()
	case err != nil || claim.room != roomHash(r.Room) || claim.expires <= time.Now().Unix():
		return j.refuseUnauthorized()
	}
	j.claim = claim
	return nil
}

// authorizeNew decides about a join that has no seat yet. The token is verified
// before anything is counted, so that a good token gets in whatever strangers
// behind the same address do. Counting failures first would protect no secret:
// one of 32 bytes cannot be guessed at any rate.
func (j *joinAttempt) authorizeNew(fx *effects) *joinRefusal {
	r, s := &j.request, j.connection.server
	if j.connection.is(stateReserved) && !j.connection.leaveReserve() {
		return &joinRefusal{joinRateLimited, s.rateLimitedError(r.ID, "the server has too many connections now", retrySeatAfter)}
	}
	if s.config.Authorize != nil {
		grant, err := s.config.Authorize(r.Token, j.asked)
		if err != nil {
			if refusal := j.countFailure(fx); refusal != nil {
				return refusal
			}
			return &joinRefusal{joinUnauthorized, protocol.Error{ID: r.ID, Code: protocol.CodeUnauthorized, Message: err.Error()}}
		}
		if grant.Name != "" {
			r.Name = protocol.VisibleName(grant.Name)
		}
	}
	if wait := s.addresses.addJoin(j.connection.addr, fx.now(s)); wait > 0 {
		return &joinRefusal{joinRateLimited, s.rateLimitedError(r.ID, "too many joins from this address", wait)}
	}
	if refusal := j.openEcho(); refusal != nil {
		return refusal
	}
	j.authorized = true
	return nil
}

// countFailure counts a refused token. It returns a refusal when the address
// has shown too many of them.
func (j *joinAttempt) countFailure(fx *effects) *joinRefusal {
	s := j.connection.server
	if wait := s.addresses.addFailure(j.connection.addr, fx.now(s)); wait > 0 {
		return &joinRefusal{joinRateLimited, s.rateLimitedError(j.request.ID, "too many refused tokens from this address", wait)}
	}
	return nil
}

func (j *joinAttempt) refuseUnauthorized() *joinRefusal {
	return &joinRefusal{joinUnauthorized, protocol.Error{
		ID: j.request.ID, Code: protocol.CodeUnauthorized, Message: "this seat cannot be taken back; join anew",
	}}
}

func closingError(id uint64) protocol.Error {
	return protocol.Error{
		ID: id, Code: protocol.CodeClosing, Message: "the server is going down",
		Retry: true, After: protocol.SecondsOf(reconnectAfter),
	}
}

// takeSeat takes the seat. In a full room it first makes sure that the
// occupants are alive, which may take probeTimeout. Only the client of this
// connection waits for that.
func (j *joinAttempt) takeSeat(fx *effects) (joinResult, protocol.Frame) {
	c, s := j.connection, j.connection.server
	for probed := false; ; {
		j.prepareJoined()
		result, step, occupants := s.rooms.takeSeat(j, fx)
		switch step {
		case stepPrepareAgain:
			continue
		case stepAuthorizeNew:
			if refusal := j.authorizeNew(fx); refusal != nil {
				return refusal.result, refusal.reply
			}
			continue
		case stepBanned:
			return joinUnauthorized, protocol.Error{
				ID: j.request.ID, Code: protocol.CodeUnauthorized,
				Message: "the operator has put this address out of the room for now; try again later, or meet in another room",
			}
		case stepDone:
		}
		switch result {
		case joinUnauthorized:
			return result, j.refuseUnauthorized().reply
		case joinFull:
			if probed || !j.probeOccupants(occupants, fx) {
				return result, protocol.Full{ID: j.request.ID, Room: j.asked, Capacity: s.config.Capacity}
			}
			probed = true
			continue
		case joinRateLimited:
			return result, s.rateLimitedError(j.request.ID, "no more seats for this address now, those of broken connections count too", retrySeatAfter)
		default:
			s.log.Debug("peer joined", "peer", j.joined.Peer)
		}
		if c.is(stateEnded) {
			return joinRefused, nil
		}
		return result, nil
	}
}

// probeOccupants makes the idle occupants of a full room answer, and applies fx
// before it waits for them. It reports whether it is worth asking for a seat
// again.
func (j *joinAttempt) probeOccupants(occupants []*connection, fx *effects) bool {
	c := j.connection
	if !c.transport.prepareToBlock() {
		return false
	}
	c.state.Or(stateWaiting)
	defer c.state.And(^uint32(stateWaiting))
	return c.server.probe(occupants, fx) && !c.is(stateEnded)
}

// prepareJoined fills in joined, as far as that needs no lock: the callback
// that makes ICE servers is called for one peer id.
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
		ID: r.ID, Room: j.asked, Peer: peer, Capacity: s.config.Capacity,
		Grace: protocol.SecondsOf(s.config.Grace), Ping: protocol.SecondsOf(s.config.Ping), ICEServers: servers, ICETTL: ttl,
	}
}

// newPeerID returns an id of letters and digits with 100 random bits.
func newPeerID() string {
	return "p" + rand.Text()[:20]
}
