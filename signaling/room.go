package signaling

import (
	"crypto/subtle"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"callbox/internal/logbound"
	"callbox/signaling/protocol"
)

// room is a room in use: it exists while somebody has a seat in it.
type room struct {
	name  string
	seats []*session // in the order of joining, which decides which peer is polite
}

// find returns the session of that peer, or nil.
func (rm *room) find(peer string) *session {
	for _, s := range rm.seats {
		if s.peer == peer {
			return s
		}
	}
	return nil
}

// byNonce returns the session whose join had that nonce, or nil.
func (rm *room) byNonce(nonce string) *session {
	for _, s := range rm.seats {
		if s.nonce != "" && subtle.ConstantTimeCompare([]byte(s.nonce), []byte(nonce)) == 1 {
			return s
		}
	}
	return nil
}

// before reports whether a's seat comes before b's.
func before(a, b *session) bool {
	if a.joined != b.joined {
		return a.joined < b.joined
	}
	return a.peer < b.peer
}

// insert adds s to the seats, in order.
func (rm *room) insert(s *session) {
	i := len(rm.seats)
	for i > 0 && before(s, rm.seats[i-1]) {
		i--
	}
	rm.seats = slices.Insert(rm.seats, i, s)
	s.room = rm
	rm.noteCompany()
}

// noteCompany records who has company: whoever was connected at the same time as
// another peer that still has its seat. A peer that has been away ever since is
// none, because anybody can have as many of these as the grace time allows.
func (rm *room) noteCompany() {
	connected, inCompany := 0, 0
	for _, s := range rm.seats {
		if s.connection != nil {
			connected++
		}
	}
	for _, s := range rm.seats {
		if s.connection != nil && connected > 1 {
			s.hasCompany = true
		}
		if s.hasCompany {
			inCompany++
		}
	}
	for _, s := range rm.seats {
		s.hasCompany = s.hasCompany && inCompany > 1
		if c := s.connection; c != nil {
			c.set(stateAlone, !s.hasCompany)
		}
	}
}

// peersOf returns the other peers as s sees them.
func (rm *room) peersOf(s *session) []protocol.Peer {
	peers := make([]protocol.Peer, 0, len(rm.seats))
	for _, o := range rm.seats {
		if o != s {
			peers = append(peers, protocol.Peer{Peer: o.peer, Name: o.name, Away: o.connection == nil, Polite: before(o, s)})
		}
	}
	return peers
}

// announce queues an event about a peer for all others in the room.
func (rm *room) announce(k eventKind, about *session, fx *effects, event func(to *session, seq uint64) protocol.Frame) {
	for _, o := range rm.seats {
		if o != about {
			o.announce(k, about, fx, func(seq uint64) protocol.Frame { return event(o, seq) })
		}
	}
}

// rooms holds the rooms of one server, in shards, so that requests in different
// rooms seldom wait for each other. Its methods assign the seats. They are safe
// for concurrent use and do not block; what they want to send they add to
// effects.
type rooms struct {
	seed   maphash.Seed
	shards [64]shard
}

// shard holds some of the rooms.
type shard struct {
	server *Server // static after construction

	mu         sync.Mutex // guards the following, and everything reachable from them
	rooms      map[string]*room
	away       map[*session]struct{} // the peers without a connection
	tombstones tombstones

	seatCount atomic.Int64
	awayCount atomic.Int64
	roomCount atomic.Int64
}

func newRooms(s *Server) *rooms {
	m := &rooms{seed: maphash.MakeSeed()}
	for i := range m.shards {
		sh := &m.shards[i]
		sh.server = s
		sh.rooms = make(map[string]*room)
		sh.away = make(map[*session]struct{})
	}
	return m
}

// shard returns the shard of the room of that name.
func (m *rooms) shard(room string) *shard {
	return &m.shards[maphash.String(m.seed, room)%uint64(len(m.shards))]
}

// disconnect notes that the connection c of s has ended. The seat is held for
// the grace time.
func (m *rooms) disconnect(s *session, c *connection, fx *effects) {
	sh := s.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.connection != c {
		return
	}
	if sh.server.isClosing() {
		sh.removePeer(s, reasonClosing, fx)
		return
	}
	s.detach(c)
	if s.lastActivity+sh.server.config.Grace <= sh.server.uptime() {
		sh.removePeer(s, protocol.ReasonTimeout, fx)
		return
	}
	sh.setAway(s, true)
	s.awayAnnounced = true
	s.room.announce(kindAway, s, fx, func(_ *session, seq uint64) protocol.Frame {
		return protocol.Away{Seq: seq, Peer: s.peer}
	})
}

// leave frees the seat of s, which c carries. c stays open.
func (m *rooms) leave(s *session, c *connection, reason protocol.Reason, fx *effects) {
	sh := s.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.connection == c {
		sh.removePeer(s, reason, fx)
	}
}

// kick frees the seat of that peer, or of the one that has replaced it, and
// closes its connection. The room refuses its address for banFor. kick returns the id of the peer that was put out.
func (m *rooms) kick(peer string, banFor time.Duration, fx *effects) (string, error) {
	for i := range m.shards {
		if last, err := m.shards[i].kick(peer, banFor, fx); !errors.Is(err, ErrNoPeer) {
			return last, err
		}
	}
	return "", ErrNoPeer
}

func (sh *shard) kick(peer string, banFor time.Duration, fx *effects) (string, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// Reloading the page faster than the operator types does not help.
	_, peer, _ = sh.followReplacements(nil, peer)
	for _, rm := range sh.rooms {
		s := rm.find(peer)
		if s == nil {
			continue
		}
		err := sh.server.kicks.add(s, banFor)
		// The connection ends first, so that it does not reply as one without a session.
		if c := s.connection; c != nil && c.markEnded(protocol.ClosePolicy, "kicked") {
			fx.send(c)
		}
		sh.removePeer(s, protocol.ReasonKicked, fx)
		return peer, err
	}
	return "", ErrNoPeer
}

// expire frees the seats whose grace time is over.
func (m *rooms) expire(now time.Duration, fx *effects) {
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		for s := range sh.away {
			if s.lastActivity+sh.server.config.Grace <= now {
				sh.removePeer(s, protocol.ReasonTimeout, fx)
			}
		}
		sh.tombstones.prune(now)
		sh.mu.Unlock()
	}
}

// removeAll frees all seats and tells nobody.
func (m *rooms) removeAll(fx *effects) {
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		for _, rm := range sh.rooms {
			for len(rm.seats) > 0 {
				sh.removePeer(rm.seats[0], reasonClosing, fx)
			}
		}
		sh.mu.Unlock()
	}
}

// count returns how many rooms there are, how many seats are held, and how many
// of these belong to peers that are away.
func (m *rooms) count() (rooms, seats, away int) {
	for i := range m.shards {
		rooms += int(m.shards[i].roomCount.Load())
		seats += int(m.shards[i].seatCount.Load())
		away += int(m.shards[i].awayCount.Load())
	}
	return rooms, seats, away
}

// reasonClosing is why peers end when the server goes down. The others are not
// told, because all of them reconnect.
const reasonClosing protocol.Reason = "closing"

// removePeer frees the seat of s and tells the others. The connection of s stays
// open, without a session.
func (sh *shard) removePeer(s *session, reason protocol.Reason, fx *effects) {
	rm := sh.releaseSeat(s)
	if reason != reasonClosing {
		sh.notifySeated(s, false)
		rm.announce(kindMembership, s, fx, func(to *session, seq uint64) protocol.Frame {
			return protocol.Bye{Seq: seq, Peer: s.peer, Reason: reason, Undelivered: s.events.undelivered(to)}
		})
	}
	if reason == protocol.ReasonLeft || reason == protocol.ReasonKicked {
		sh.tombstones.add(s.peer, s.joined, reason, "", sh.server.uptime()+ResumeLife)
	}
	sh.recordEnd(s, reason, fx)
}

// releaseSeat removes s from its room, and the room when it is empty.
func (sh *shard) releaseSeat(s *session) *room {
	rm := s.room
	s.room = nil
	rm.seats = slices.DeleteFunc(rm.seats, func(o *session) bool { return o == s })
	rm.noteCompany()
	sh.seatCount.Add(-1)
	s.uncountSeat()
	if len(rm.seats) == 0 {
		delete(sh.rooms, rm.name)
		sh.roomCount.Add(-1)
	}
	sh.setAway(s, false)
	if c := s.connection; c != nil {
		s.connection = nil
		c.mu.Lock()
		c.session.Store(nil)
		c.mu.Unlock()
	}
	return rm
}

func (sh *shard) setAway(s *session, away bool) {
	if away {
		sh.away[s] = struct{}{}
	} else {
		delete(sh.away, s)
	}
	sh.awayCount.Store(int64(len(sh.away)))
}

// insertIntoRoom adds s to the room of that name, and creates the room if there
// is none.
func (sh *shard) insertIntoRoom(s *session, name string) {
	rm := sh.rooms[name]
	if rm == nil {
		rm = &room{name: name}
		sh.rooms[name] = rm
		sh.roomCount.Add(1)
	}
	rm.insert(s)
	sh.seatCount.Add(1)
}

// notifySeated calls Config.Seated. The shard is locked, which keeps the calls
// in order.
func (sh *shard) notifySeated(s *session, seated bool) {
	if tell := sh.server.config.Seated; tell != nil {
		tell(s.peer, seated)
	}
}

// recordEnd counts and logs the end of a peer.
func (sh *shard) recordEnd(s *session, reason protocol.Reason, fx *effects) {
	sh.server.counters.peerEnded(reason)
	lasted := sh.server.uptime() - s.since
	fx.log = append(fx.log, logEntry{sh.server.log, []any{
		"peer", s.peer, "reason", string(reason), "lasted", lasted.Round(time.Millisecond),
		"messages_in", s.messagesIn, "messages_out", s.messagesOut, "resumes", s.resumes, "transport", s.transport.String(),
		"from", logbound.From(s.from),
	}})
}
