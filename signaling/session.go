package signaling

import (
	"net/netip"
	"time"

	"callbox/signaling/protocol"
)

// session is one peer, from its join to its departure, whatever connections
// carry it. All of it is guarded by its shard's mutex, so that a request is
// carried out as a whole: its id noted, its message kept for the receiver, its
// reply kept.
type session struct {
	// Static after construction.
	shard  *shard
	peer   string
	name   string
	addr   netip.Addr // the client's, whom what is kept counts for
	joined int64      // in milliseconds since 1970, or later to follow who joined before; decides the order
	since  time.Duration

	// Guarded by shard.mu.
	room         *room       // nil = it has departed
	connection   *connection // nil = it is away
	from         netip.Addr  // the client's address on its last connection
	lastActivity time.Duration
	nonce        string // of its join; empty = none

	// incarnation is drawn whenever seq and the ids begin anew.
	incarnation       uint64
	account           account // of events and replies
	tokenMade         time.Duration
	seq               uint64 // the newest event
	events            events // those that the client has not confirmed
	lastID            uint64 // the highest request id
	sentSeq           uint64 // the newest event that was handed to a transport before the connection of now
	replies           replies
	awayAnnounced     bool          // the others know that it is away
	replayLost        bool          // not all events are there: they cannot be resumed
	seatCharged       bool          // seatBytes were taken for it
	unconfirmedAtPing bool          // it had not confirmed all at the last ping, and nothing since
	transport         transportKind // of its last connection
	resumes           uint16        // how often it came back

	// What is told when it ends.
	messagesIn, messagesOut uint64
}

// adopt makes c carry s from now on. It returns false, and changes nothing,
// when c has ended. welcome must follow.
func (s *session) attach(c *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is(stateEnded) {
		return false
	}
	c.session.Store(s)
	c.joinDeadline.Store(0)
	c.state.And(^uint32(stateReserved))
	s.unconfirmedAtPing = false
	s.connection, s.awayAnnounced, s.transport, s.from = c, false, c.transport.kind(), c.addr
	return true
}

// welcome queues joined and the events after seq.
func (s *session) queueJoined(joined protocol.Joined, seq uint64) {
	before := s.replies.size()
	s.replies.clone()
	s.charge(s.replies.size() - before)
	c := s.connection
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sentSeq = seq
	c.pushLocked(outgoing{payload: protocol.Encode(joined)})
	s.replayLocked(c, seq)
}

// replayLocked queues the events after seq for c, whose mu is locked.
func (s *session) replayLocked(c *connection, seq uint64) {
	at := s.confirmed()
	for i := range s.events.count() {
		if at++; at > seq {
			e := s.events.at(i)
			c.pushLocked(outgoing{payload: e.payload, seq: at, message: e.kind == kindMessage})
		}
	}
}

// part notes that c does not carry s any more. Events that were not sent yet go
// with the next connection.
func (s *session) detach(c *connection) {
	s.lastActivity = s.shard.server.uptime() - c.transport.idleFor()
	if s.connection == c {
		s.connection = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.Store(nil)
	c.queue.dropEvents()
	s.sentSeq = max(s.sentSeq, c.sentSeq)
}

// reset lets seq and ids begin anew: what was kept is lost.
func (s *session) reset() {
	s.incarnation = newIncarnation()
	s.charge(-s.events.size - s.replies.size())
	s.seq, s.sentSeq, s.lastID, s.replayLost = 0, 0, 0, false
	s.events, s.replies = events{}, replies{}
	for _, o := range s.room.seats {
		o.events.clearIDs(s)
	}
}

// announce queues an event of the server's own about another peer. event gets
// its number.
func (s *session) announce(k eventKind, about *session, fx *effects, event func(seq uint64) protocol.Frame) {
	if s.replayLost {
		return
	}
	if s.coalesce(k, about, event) {
		return
	}
	c := s.connection
	e := storedEvent{payload: protocol.Encode(event(s.seq + 1)), peer: about, kind: k}
	if s.events.serverEventsFull(&s.shard.server.config.Limits) || !s.reserve(e.size()) {
		s.dropReplay()
		if c != nil {
			c.state.Or(stateOverflowed)
			fx.send(c)
		}
		return
	}
	s.seq++
	s.events.add(e)
	if c != nil {
		c.push(outgoing{payload: e.payload, seq: s.seq})
		fx.send(c)
	}
}

// fold puts the event into the place of the last one about the same peer, when
// that is as good: both tell whether it is away, nothing from it follows, and
// the older one was not sent. That a peer lost something is never folded away,
// and stays behind the acknowledgements of what it lost.
func (s *session) coalesce(k eventKind, about *session, event func(seq uint64) protocol.Frame) bool {
	if k != kindAway && k != kindBack && k != kindReset {
		return false
	}
	sent := s.sentSeq
	if c := s.connection; c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		sent = max(sent, c.sentSeq)
	}
	for i, seq := s.events.count()-1, s.seq; i >= 0 && seq > sent; i, seq = i-1, seq-1 {
		e := s.events.at(i)
		if e.peer != about {
			continue
		}
		if e.kind != kindAway && e.kind != kindBack && (e.kind != kindReset || k == kindAway) {
			return false
		}
		if k == kindReset && s.connection != nil && s.connection.queue.repliesAfter(seq) {
			return false
		}
		if e.kind == kindReset {
			return true // it says what matters already
		}
		before := e.size()
		e.kind, e.payload = k, protocol.Encode(event(seq))
		s.events.size += e.size() - before
		s.charge(e.size() - before)
		if c := s.connection; c != nil {
			c.queue.replacePayload(seq, e.payload)
		}
		return true
	}
	return false
}

// lose gives up what the client would have to be told: its next resume begins
// anew. Who waits for its confirmation is told so then, or by bye.
func (s *session) dropReplay() {
	s.replayLost = true
	before := s.events.size
	s.events.dropPayloads()
	s.charge(s.events.size - before)
	s.shard.server.counters.lost.Add(1)
}

// deliver keeps a message from another peer and queues it. It returns false
// when there is no place for it.
func (s *session) enqueueMessage(from *session, m protocol.Message, fx *effects) bool {
	limits := &s.shard.server.config.Limits
	c := s.connection
	size := len(m.Data) + len(from.peer) + messageOverhead
	if s.replayLost || !limits.fits(s.events.messages, s.events.messageBytes, size) || !s.reserve(size+eventOverhead) {
		if c != nil {
			c.state.Or(stateMisbehaving)
		}
		// What the same read brought before was not sent yet, and shows nothing.
		if c != nil && !fx.willSend(c) && c.sendQueueFull(limits, size) {
			c.state.Or(stateOverflowed)
			fx.send(c)
		}
		return false
	}
	s.seq++
	payload := protocol.AppendMessage(make([]byte, 0, size), protocol.MessageEvent{Seq: s.seq, From: from.peer, Data: m.Data})
	s.events.add(storedEvent{payload: payload, peer: from, id: m.ID, kind: kindMessage})
	s.messagesOut++
	if c != nil {
		c.push(outgoing{payload: payload, seq: s.seq, readAt: fx.readAt, message: true})
		fx.send(c)
	}
	s.noteOwing()
	return true
}

// noteOwing has the connection know whether the client leaves much unconfirmed.
func (s *session) noteOwing() {
	if c := s.connection; c != nil {
		c.set(stateOwing, s.events.messageBytes > owingBytes)
	}
}

// confirm notes that the client has seen the events up to seq.
func (s *session) confirm(seq uint64) {
	before := s.events.size
	s.unconfirmedAtPing = s.unconfirmedAtPing && seq <= s.confirmed()
	for at := s.confirmed(); at < min(seq, s.seq); at++ {
		s.events.dropOldest()
	}
	s.noteOwing()
	s.charge(s.events.size - before)
}

// keep reports whether n more bytes may be kept for the client.
func (s *session) reserve(n int) bool {
	return s.account.reserve(s.shard.server.memory, s.addr, n)
}

// resize counts what is kept for the client, and cannot be refused, n bytes
// larger, or smaller when n is negative.
func (s *session) charge(n int) {
	switch {
	case n < 0:
		s.account.release(s.shard.server.memory, s.addr, -n)
	case n > 0 && !s.reserve(n):
		s.account.used += n // what is kept next is asked for together with it
	}
}

// countSeat reports whether the client's address may have one more seat, and counts
// it. exempt is for a peer whose seat has been counted before.
func (s *session) countSeat(exempt bool) bool {
	server := s.shard.server
	if !server.addresses.addSeat(s.addr, exempt) {
		return false
	}
	s.seatCharged = server.memory.Take(s.addr, seatBytes)
	if !s.seatCharged && !exempt {
		server.addresses.removeSeat(s.addr, server.uptime())
		return false
	}
	return true
}

// uncountSeat gives back all that was counted for s and its seat.
func (s *session) uncountSeat() {
	server := s.shard.server
	server.addresses.removeSeat(s.addr, server.uptime())
	s.account.releaseAll(server.memory, s.addr)
	if s.seatCharged {
		server.memory.Give(s.addr, seatBytes)
	}
}

// confirmed returns the newest event that the client has confirmed.
func (s *session) confirmed() uint64 {
	return s.seq - uint64(s.events.count()) //nolint:gosec // a count is not negative
}
