package signaling

import (
	"net/netip"
	"time"

	"callbox/signaling/protocol"
)

// session is one peer, from its join until its seat is free, on whatever
// connections it uses in that time. All of it is guarded by its shard's mutex,
// so that a request is carried out as a whole: its id recorded, its message
// stored for the receiver, its reply stored.
type session struct {
	// Static after construction.
	shard  *shard
	peer   string
	name   string
	addr   netip.Addr // the client's; what is held for it is charged to this address
	joined int64      // in milliseconds since 1970, or later, to be after those who joined before; decides the order
	since  time.Duration

	// Guarded by shard.mu.
	room         *room       // nil = its seat is free
	connection   *connection // nil = it is away
	from         netip.Addr  // the client's address on its last connection
	lastActivity time.Duration
	nonce        string // of its join; empty = none

	// incarnation is drawn whenever seq and the ids start anew.
	incarnation       uint64
	account           account       // of the events and replies
	tokenMade         time.Duration // when the newest token was made, since the server's start
	seq               uint64        // the newest event
	events            events        // that the client has not confirmed
	lastID            uint64        // the highest request id
	sentSeq           uint64        // the newest event that a transport got before the current connection
	replies           replies
	hasCompany        bool          // see noteCompany
	awayAnnounced     bool          // the others know that it is away
	replayLost        bool          // not all events are stored: it cannot be resumed
	seatCharged       bool          // seatBytes were taken from the server's memory for it
	unconfirmedAtPing bool          // it had not confirmed all at the last ping, and nothing since
	transport         transportKind // of its last connection
	resumes           uint16        // how often it came back

	// For the log when it ends.
	messagesIn, messagesOut uint64
}

// attach makes c carry s from now on. It returns false, and changes nothing,
// when c has ended. queueJoined must follow.
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

// queueJoined queues joined and the events after seq.
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

// replayLocked queues the events after seq for c, whose mu must be held.
func (s *session) replayLocked(c *connection, seq uint64) {
	at := s.confirmed()
	for i := range s.events.count() {
		if at++; at > seq {
			e := s.events.at(i)
			c.pushLocked(outgoing{payload: e.payload, seq: at, message: e.kind == kindMessage})
		}
	}
}

// detach makes c carry s no longer. Events that were not sent yet go to the next
// connection.
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

// reset starts seq and the ids anew and drops everything that was stored.
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
// its sequence number.
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

// coalesce replaces the payload of the last event about the same peer, if that
// says enough: both say whether the peer is away, nothing from that peer
// follows, and the older event was not sent. A reset (kindReset: the peer lost
// something) is never replaced, and stays after the acknowledgements of the
// messages that were lost.
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
			return true // it says what matters
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

// dropReplay discards the stored events, so that the client's next resume starts
// anew. Peers that wait for its confirmation are told then, or by bye.
func (s *session) dropReplay() {
	s.replayLost = true
	before := s.events.size
	s.events.dropPayloads()
	s.charge(s.events.size - before)
	s.shard.server.counters.lost.Add(1)
}

// enqueueMessage stores a message from another peer and queues it. It returns
// false when the queue of s is full.
func (s *session) enqueueMessage(from *session, m protocol.Message, fx *effects) bool {
	limits := &s.shard.server.config.Limits
	c := s.connection
	size := len(m.Data) + len(from.peer) + messageOverhead
	if s.replayLost || !limits.fits(s.events.messages, s.events.messageBytes, size) || !s.reserve(size+eventOverhead) {
		if c != nil {
			c.state.Or(stateMisbehaving)
		}
		// Messages queued by the same read are not sent yet, so a full queue does not
		// prove then that the client is slow.
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
	s.noteUnconfirmed()
	return true
}

// noteUnconfirmed records in the connection whether the client leaves much
// unconfirmed.
func (s *session) noteUnconfirmed() {
	if c := s.connection; c != nil {
		c.set(stateUnconfirmed, s.events.messageBytes > unconfirmedBytes)
	}
}

// confirm drops the events up to seq, which the client has seen.
func (s *session) confirm(seq uint64) {
	before := s.events.size
	s.unconfirmedAtPing = s.unconfirmedAtPing && seq <= s.confirmed()
	for at := s.confirmed(); at < min(seq, s.seq); at++ {
		s.events.dropOldest()
	}
	s.noteUnconfirmed()
	s.charge(s.events.size - before)
}

// reserve reports whether n more bytes may be held for the client, and counts
// them if so.
func (s *session) reserve(n int) bool {
	return s.account.reserve(s.shard.server.memory, s.addr, n)
}

// charge counts n bytes more, or less when n is negative, for something that
// cannot be refused.
func (s *session) charge(n int) {
	switch {
	case n < 0:
		s.account.release(s.shard.server.memory, s.addr, -n)
	case n > 0 && !s.reserve(n):
		s.account.used += n // the next reserve takes the missing memory too
	}
}

// countSeat counts a seat for the client's address, and reports whether it may
// have one more. exempt is for a peer whose seat was counted before: it always
// may.
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

// uncountSeat undoes countSeat, and releases everything that s holds.
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
