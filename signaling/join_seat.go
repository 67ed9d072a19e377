package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

// peerByNonce returns the id of the peer in that room whose join had that nonce,
// or an empty string.
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

// takeSeat gives the connection of j its seat, queues joined for it and tells
// the others. When step is not stepDone, nothing has changed and there is no
// result yet. When the result is joinFull, nothing has changed either, and
// occupants are the connections of the peers in the room.
func (m *rooms) takeSeat(j *joinAttempt, fx *effects) (result joinResult, step joinStep, occupants []*connection) {
	sh := m.shard(j.request.Room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.server.kicks.isBanned(j.request.Room, j.connection.addr) {
		return joinRefused, stepBanned, nil
	}
	rm := sh.rooms[j.request.Room]
	switch r := &j.request; {
	case r.Resume != "":
		result, occupants = sh.resume(j, rm, fx)
		return result, stepDone, occupants
	case r.Replace != "":
		old, last, ok := sh.followReplacements(rm, j.claim.peer)
		switch {
		case !ok || sh.server.kicks.wasKicked(&j.claim):
			return joinUnauthorized, stepDone, nil
		case old != nil:
			return sh.replace(j, old, fx), stepDone, nil
		case !j.authorized:
			return joinRefused, stepAuthorizeNew, nil
		}
		result, occupants = sh.createSuccessor(j, last, fx)
		return result, stepDone, occupants
	case r.Nonce != "":
		var s *session
		if rm != nil {
			s = rm.byNonce(r.Nonce)
		}
		if j.nonceKnown != (s != nil) || s != nil && s.peer != j.joined.Peer {
			return joinRefused, stepPrepareAgain, nil
		}
		if s != nil {
			return sh.takeOver(j, s, false, fx), stepDone, nil
		}
	}
	s := j.newSession(sh, sh.lastJoined(j.request.Room)+1)
	result, occupants = sh.takeFreeSeat(j, s, joinNew, fx)
	return result, stepDone, occupants
}

// createSuccessor seats a new peer in place of old, which no longer holds a seat.
// From then on the token of old leads to the new peer.
func (sh *shard) createSuccessor(j *joinAttempt, old string, fx *effects) (joinResult, []*connection) {
	s := j.newSession(sh, sh.lastJoined(j.request.Room)+1)
	result, occupants := sh.takeFreeSeat(j, s, joinNew, fx)
	if result == joinNew {
		sh.tombstones.add(old, j.claim.joined, protocol.ReasonReplaced, s.peer, sh.server.uptime()+ResumeLife)
	}
	return result, occupants
}

// newSession returns a session that joins after the time after, in milliseconds
// since 1970.
func (j *joinAttempt) newSession(sh *shard, after int64) *session {
	return &session{
		shard: sh, peer: j.joined.Peer, name: j.request.Name, nonce: j.request.Nonce, addr: j.connection.addr,
		joined: max(time.Now().UnixMilli(), after), since: sh.server.uptime(), incarnation: newIncarnation(),
	}
}

// lastJoined returns when the last peer of that room joined, counting those that
// were kicked from it.
func (sh *shard) lastJoined(name string) int64 {
	last := sh.server.kicks.lastJoined(name)
	if rm := sh.rooms[name]; rm != nil {
		last = max(last, rm.seats[len(rm.seats)-1].joined)
	}
	return last
}

// takeFreeSeat gives the new peer s a seat, if one is free.
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
	// A peer that resumes was admitted, and counted, before.
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

// seatNew gives the new peer s, which has its connection already, a seat and
// tells the others.
func (sh *shard) seatNew(j *joinAttempt, s *session, fx *effects) {
	sh.insertIntoRoom(s, j.request.Room)
	sh.notifySeated(s, true)
	sh.sendJoined(j, s, false, 0, fx)
	s.room.announce(kindMembership, s, fx, func(to *session, seq uint64) protocol.Frame {
		return protocol.OtherJoined{Seq: seq, Peer: s.peer, Name: s.name, Polite: before(s, to)}
	})
}

// sendJoined queues joined, and the events after seq, for s.
func (sh *shard) sendJoined(j *joinAttempt, s *session, resumed bool, seq uint64, fx *effects) {
	sh.setAway(s, false)
	s.noteUnconfirmed()
	joined := j.joined
	joined.Resumed = resumed
	joined.Resume = sh.token(s)
	joined.Peers = s.room.peersOf(s)
	s.queueJoined(joined, seq)
	fx.send(j.connection)
}

// resume gives a seat back: the one that is held, or, when this server does not
// know it or holds it no longer, a free one under the same peer id.
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

// takeOver moves s to the connection of j. Unless resumed, s starts anew.
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
	s.room.noteCompany()
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

// closeIfLate reports whether a later connection already has the seat of s, and
// closes that of j if so. The join of j then comes too late: it waited for the
// occupants of a full room, or was delayed on its way, and its client has asked
// again since. It must not take the seat away.
func (j *joinAttempt) closeIfLate(s *session, fx *effects) bool {
	if s.connection == nil || s.connection.number < j.connection.number {
		return false
	}
	if j.connection.markEnded(protocol.CloseTakenOver, "seat taken over") {
		fx.send(j.connection)
	}
	return true
}

// followReplacements follows a peer to those that replaced it, one after the
// other. When the seat of the last one is free, it returns no session and the id
// of that peer. It returns false when that peer was kicked.
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

// replace puts a new peer in the place of old, at the end of the order.
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
