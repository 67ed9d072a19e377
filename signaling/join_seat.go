package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

// withNonce returns the id of the peer in that room whose join had that nonce;
// empty = there is none.
func (m *rooms) peerByNonce(room, nonce string) string {
	sh := m.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if rm := sh.rooms[room]; rm != nil {
		if s := rm.byNonce(nonce); s != nil {
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
func (m *rooms) takeSeat(j *joinAttempt, fx *effects) (joinResult, []*connection) {
	sh := m.shard(j.request.Room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.server.kicks.isBanned(j.request.Room, j.connection.addr) {
		return joinBarred, nil
	}
	rm := sh.rooms[j.request.Room]
	switch r := &j.request; {
	case r.Resume != "":
		return sh.resume(j, rm, fx)
	case r.Replace != "":
		old, last, ok := sh.followReplacements(rm, j.claim.peer)
		switch {
		case !ok || sh.server.kicks.wasKicked(&j.claim):
			return joinUnauthorized, nil
		case old != nil:
			return sh.replace(j, old, fx), nil
		case !j.authorized:
			return joinUnadmitted, nil
		}
		return sh.createSuccessor(j, last, fx)
	case r.Nonce != "":
		var s *session
		if rm != nil {
			s = rm.byNonce(r.Nonce)
		}
		if j.nonceKnown != (s != nil) || s != nil && s.peer != j.joined.Peer {
			return joinAgain, nil
		}
		if s != nil {
			return sh.takeOver(j, s, false, fx), nil
		}
	}
	s := j.newSession(sh, sh.lastJoined(j.request.Room)+1)
	return sh.takeFreeSeat(j, s, joinNew, fx)
}

// succeed gives a new peer a free seat in the place of one whose seat is free:
// whoever comes with that one's token again means the new peer.
func (sh *shard) createSuccessor(j *joinAttempt, old string, fx *effects) (joinResult, []*connection) {
	s := j.newSession(sh, sh.lastJoined(j.request.Room)+1)
	result, occupants := sh.takeFreeSeat(j, s, joinNew, fx)
	if result == joinNew {
		sh.tombstones.add(old, j.claim.joined, protocol.ReasonReplaced, s.peer, sh.server.uptime()+ResumeLife)
	}
	return result, occupants
}

// session returns a new peer that joins after the time after, in milliseconds
// since 1970.
func (j *joinAttempt) newSession(sh *shard, after int64) *session {
	return &session{
		shard: sh, peer: j.joined.Peer, name: j.request.Name, nonce: j.request.Nonce, addr: j.connection.addr,
		joined: max(time.Now().UnixMilli(), after), since: sh.server.uptime(), incarnation: newIncarnation(),
	}
}

// lastJoined returns when the last one in that room joined, or the last one that
// was put out of it.
func (sh *shard) lastJoined(name string) int64 {
	last := sh.server.kicks.lastJoined(name)
	if rm := sh.rooms[name]; rm != nil {
		last = max(last, rm.seats[len(rm.seats)-1].joined)
	}
	return last
}

// find gives the new peer s a free seat, if there is one.
func (sh *shard) takeFreeSeat(j *joinAttempt, s *session, result joinResult, fx *effects) (joinResult, []*connection) {
	rm := sh.rooms[j.request.Room]
	if capacity := j.joined.Capacity; rm != nil && capacity > 0 && len(rm.seats) >= capacity {
		var occupants []*connection
		for _, o := range rm.seats {
			if o.connection != nil {
				occupants = append(occupants, o.connection)
			}
		}
		return joinFull, occupants
	}
	// Whoever comes back with a seat's token has been let in before.
	if !s.countSeat(result == joinRecovered) {
		return joinRateLimited, nil
	}
	if !s.attach(j.connection) {
		s.uncountSeat()
		return joinRefused, nil
	}
	sh.seatNew(j, s, fx)
	return result, nil
}

// sit gives the new peer s, which has its connection, a seat.
func (sh *shard) seatNew(j *joinAttempt, s *session, fx *effects) {
	sh.insertIntoRoom(s, j.request.Room)
	sh.notifySeated(s, true)
	sh.sendJoined(j, s, false, 0, fx)
	s.room.announce(kindMembership, s, fx, func(to *session, seq uint64) protocol.Frame {
		return protocol.OtherJoined{Seq: seq, Peer: s.peer, Name: s.name, Polite: before(s, to)}
	})
}

// welcome queues joined, and the events after seq, for s.
func (sh *shard) sendJoined(j *joinAttempt, s *session, resumed bool, seq uint64, fx *effects) {
	sh.setAway(s, false)
	s.noteOwing()
	joined := j.joined
	joined.Resumed = resumed
	joined.Resume = sh.token(s)
	joined.Peers = s.room.peersOf(s)
	s.queueJoined(joined, seq)
	fx.send(j.connection)
}

// resume gives a seat back: the one that is held, or, when that is not known
// or no longer, a free one under the same peer id.
func (sh *shard) resume(j *joinAttempt, rm *room, fx *effects) (joinResult, []*connection) {
	if reason, _ := sh.tombstones.lookup(j.claim.peer); reason != "" {
		return joinUnauthorized, nil
	}
	if rm != nil {
		if s := rm.find(j.claim.peer); s != nil {
			seq := j.request.Seq
			resumed := s.incarnation == j.claim.incarnation && !s.replayLost && s.confirmed() <= seq && seq <= s.seq
			return sh.takeOver(j, s, resumed, fx), nil
		}
	}
	if sh.tombstones.mayHaveEvicted(j.claim.joined) || sh.server.kicks.blocksResume(&j.claim) {
		return joinUnauthorized, nil
	}
	s := j.newSession(sh, 0)
	s.name, s.joined = protocol.VisibleName(j.claim.name), j.claim.joined
	return sh.takeFreeSeat(j, s, joinRecovered, fx)
}

// takeOver moves s to the connection of e. Unless resumed it begins anew.
func (sh *shard) takeOver(j *joinAttempt, s *session, resumed bool, fx *effects) joinResult {
	if j.closeIfLate(s, fx) {
		return joinRefused
	}
	wasAway, old := s.awayAnnounced, s.connection
	if !s.attach(j.connection) {
		return joinRefused
	}
	if old != nil {
		s.detach(old)
		if old.markEnded(protocol.CloseTakenOver, "seat taken over") {
			fx.send(old)
		}
	}
	seq := j.request.Seq
	if resumed {
		s.confirm(seq)
	} else {
		s.reset()
		seq = 0
	}
	s.resumes++
	s.room.noteAlone()
	sh.sendJoined(j, s, resumed, seq, fx)
	if wasAway || !resumed {
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
func (j *joinAttempt) closeIfLate(s *session, fx *effects) bool {
	if s.connection == nil || s.connection.number < j.connection.number {
		return false
	}
	if j.connection.markEnded(protocol.CloseTakenOver, "seat taken over") {
		fx.send(j.connection)
	}
	return true
}

// living follows a peer through those who replaced it. It returns nil, and who
// was the last, when the last one's seat is free, and false when that was put
// out.
func (sh *shard) followReplacements(rm *room, peer string) (s *session, last string, ok bool) {
	first := peer
	defer func() { sh.tombstones.compressPath(first, last) }()
	for range maxTombstones {
		if rm != nil {
			if s := rm.find(peer); s != nil {
				return s, peer, true
			}
		}
		reason, by := sh.tombstones.lookup(peer)
		if by == "" {
			return nil, peer, reason != protocol.ReasonKicked
		}
		peer = by
	}
	return nil, peer, true
}

// replace puts a new peer into the place of old, at the end of the order.
func (sh *shard) replace(j *joinAttempt, old *session, fx *effects) joinResult {
	if j.closeIfLate(old, fx) {
		return joinRefused
	}
	s := j.newSession(sh, sh.lastJoined(old.room.name)+1)
	if !s.attach(j.connection) {
		return joinRefused
	}
	s.countSeat(true)
	c := old.connection
	sh.tombstones.add(old.peer, old.joined, protocol.ReasonReplaced, s.peer, sh.server.uptime()+ResumeLife)
	sh.removePeer(old, protocol.ReasonReplaced, fx)
	if c != nil && c.markEnded(protocol.CloseTakenOver, "seat taken over") {
		fx.send(c)
	}
	sh.seatNew(j, s, fx)
	return joinReplaced
}
