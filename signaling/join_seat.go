package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

// withNonce returns the id of the peer in that room whose join had that nonce;
// empty = there is none.
func (m *rooms) withNonce(room, nonce string) string {
	sh := m.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if rm := sh.rooms[room]; rm != nil {
		if s := rm.withNonce(nonce); s != nil {
			return s.peer
		}
	}
	return ""
}

// enter gives the connection of e its seat, queues joined for it and tells the
// others. When there is no free one it changes nothing, and returns joinFull
// and the connections of those who sit there. joinAgain = somebody else was
// quicker, e is to be prepared once more. joinUnadmitted = e is to be admitted
// first, since nobody holds the seat that it replaces.
func (m *rooms) enter(e *entry, fx *effects) (joinResult, []*connection) {
	sh := m.shard(e.request.Room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.server.kicks.bars(e.request.Room, e.connection.addr) {
		return joinBarred, nil
	}
	rm := sh.rooms[e.request.Room]
	switch r := &e.request; {
	case r.Resume != "":
		return sh.resume(e, rm, fx)
	case r.Replace != "":
		old, last, ok := sh.living(rm, e.claim.peer)
		switch {
		case !ok || sh.server.kicks.isOut(&e.claim):
			return joinUnauthorized, nil
		case old != nil:
			return sh.replace(e, old, fx), nil
		case !e.admitted:
			return joinUnadmitted, nil
		}
		return sh.succeed(e, last, fx)
	case r.Nonce != "":
		var s *session
		if rm != nil {
			s = rm.withNonce(r.Nonce)
		}
		if e.known != (s != nil) || s != nil && s.peer != e.joined.Peer {
			return joinAgain, nil
		}
		if s != nil {
			return sh.takeOver(e, s, false, fx), nil
		}
	}
	s := e.session(sh, sh.lastJoined(e.request.Room)+1)
	return sh.find(e, s, joinNew, fx)
}

// succeed gives a new peer a free seat in the place of one whose seat is free:
// whoever comes with that one's token again means the new peer.
func (sh *shard) succeed(e *entry, old string, fx *effects) (joinResult, []*connection) {
	s := e.session(sh, sh.lastJoined(e.request.Room)+1)
	result, taken := sh.find(e, s, joinNew, fx)
	if result == joinNew {
		sh.gone.add(old, e.claim.joined, protocol.ReasonReplaced, s.peer, sh.server.uptime()+ResumeLife)
	}
	return result, taken
}

// session returns a new peer that joins after the time after, in milliseconds
// since 1970.
func (e *entry) session(sh *shard, after int64) *session {
	return &session{
		shard: sh, peer: e.joined.Peer, name: e.request.Name, nonce: e.request.Nonce, addr: e.connection.addr,
		joined: max(time.Now().UnixMilli(), after), since: sh.server.uptime(), incarnation: newIncarnation(),
	}
}

// lastJoined returns when the last one in that room joined, or the last one that
// was put out of it.
func (sh *shard) lastJoined(name string) int64 {
	last := sh.server.kicks.last(name)
	if rm := sh.rooms[name]; rm != nil {
		last = max(last, rm.seats[len(rm.seats)-1].joined)
	}
	return last
}

// find gives the new peer s a free seat, if there is one.
func (sh *shard) find(e *entry, s *session, result joinResult, fx *effects) (joinResult, []*connection) {
	rm := sh.rooms[e.request.Room]
	if capacity := e.joined.Capacity; rm != nil && capacity > 0 && len(rm.seats) >= capacity {
		var taken []*connection
		for _, o := range rm.seats {
			if o.connection != nil {
				taken = append(taken, o.connection)
			}
		}
		return joinFull, taken
	}
	// Whoever comes back with a seat's token has been let in before.
	if !s.countSeat(result == joinRecovered) {
		return joinRateLimited, nil
	}
	if !s.adopt(e.connection) {
		s.uncountSeat()
		return joinRefused, nil
	}
	sh.sit(e, s, fx)
	return result, nil
}

// sit gives the new peer s, which has its connection, a seat.
func (sh *shard) sit(e *entry, s *session, fx *effects) {
	sh.seat(s, e.request.Room)
	sh.tellSeated(s, true)
	sh.welcome(e, s, false, 0, fx)
	s.room.announce(kindOther, s, fx, func(to *session, seq uint64) protocol.Frame {
		return protocol.OtherJoined{Seq: seq, Peer: s.peer, Name: s.name, Polite: before(s, to)}
	})
}

// welcome queues joined, and the events after seq, for s.
func (sh *shard) welcome(e *entry, s *session, resumed bool, seq uint64, fx *effects) {
	sh.setAway(s, false)
	s.noteOwing()
	joined := e.joined
	joined.Resumed = resumed
	joined.Resume = sh.token(s)
	joined.Peers = s.room.peersOf(s)
	s.welcome(joined, seq)
	fx.send(e.connection)
}

// resume gives a seat back: the one that is held, or, when that is not known
// or no longer, a free one under the same peer id.
func (sh *shard) resume(e *entry, rm *room, fx *effects) (joinResult, []*connection) {
	if reason, _ := sh.gone.find(e.claim.peer); reason != "" {
		return joinUnauthorized, nil
	}
	if rm != nil {
		if s := rm.find(e.claim.peer); s != nil {
			seq := e.request.Seq
			resumed := s.incarnation == e.claim.incarnation && !s.lost && s.confirmed() <= seq && seq <= s.seq
			return sh.takeOver(e, s, resumed, fx), nil
		}
	}
	if sh.gone.mayBe(e.claim.joined) || sh.server.kicks.refuse(&e.claim) {
		return joinUnauthorized, nil
	}
	s := e.session(sh, 0)
	s.name, s.joined = protocol.VisibleName(e.claim.name), e.claim.joined
	return sh.find(e, s, joinRecovered, fx)
}

// takeOver moves s to the connection of e. Unless resumed it begins anew.
func (sh *shard) takeOver(e *entry, s *session, resumed bool, fx *effects) joinResult {
	if e.overtaken(s, fx) {
		return joinRefused
	}
	told, old := s.told, s.connection
	if !s.adopt(e.connection) {
		return joinRefused
	}
	if old != nil {
		s.part(old)
		if old.stop(protocol.CloseTakenOver, "seat taken over") {
			fx.send(old)
		}
	}
	seq := e.request.Seq
	if resumed {
		s.confirm(seq)
	} else {
		s.reset()
		seq = 0
	}
	s.resumes++
	s.room.noteAlone()
	sh.welcome(e, s, resumed, seq, fx)
	if told || !resumed {
		k := kindReset
		if resumed {
			k = kindBack
		}
		s.room.announce(k, s, fx, func(_ *session, seq uint64) protocol.Frame {
			return protocol.Back{Seq: seq, Peer: s.peer, Resumed: resumed}
		})
	}
	if resumed {
		return joinResumed
	}
	return joinRecovered
}

// overtaken tells whether a later connection has the seat of s. Then e is late:
// it waited in front of a full room, or on its way, and its client has long
// asked again. It must not take the seat away.
func (e *entry) overtaken(s *session, fx *effects) bool {
	if s.connection == nil || s.connection.number < e.connection.number {
		return false
	}
	if e.connection.stop(protocol.CloseTakenOver, "seat taken over") {
		fx.send(e.connection)
	}
	return true
}

// living follows a peer through those who replaced it. It returns nil, and who
// was the last, when the last one's seat is free, and false when that was put
// out.
func (sh *shard) living(rm *room, peer string) (s *session, last string, ok bool) {
	first := peer
	defer func() { sh.gone.shorten(first, last) }()
	for range goneKept {
		if rm != nil {
			if s := rm.find(peer); s != nil {
				return s, peer, true
			}
		}
		reason, by := sh.gone.find(peer)
		if by == "" {
			return nil, peer, reason != protocol.ReasonKicked
		}
		peer = by
	}
	return nil, peer, true
}

// replace puts a new peer into the place of old, at the end of the order.
func (sh *shard) replace(e *entry, old *session, fx *effects) joinResult {
	if e.overtaken(old, fx) {
		return joinRefused
	}
	s := e.session(sh, sh.lastJoined(old.room.name)+1)
	if !s.adopt(e.connection) {
		return joinRefused
	}
	s.countSeat(true)
	c := old.connection
	sh.gone.add(old.peer, old.joined, protocol.ReasonReplaced, s.peer, sh.server.uptime()+ResumeLife)
	sh.depart(old, protocol.ReasonReplaced, fx)
	if c != nil && c.stop(protocol.CloseTakenOver, "seat taken over") {
		fx.send(c)
	}
	sh.sit(e, s, fx)
	return joinReplaced
}
