package signaling

import (
	"bytes"
	"strconv"
	"time"

	"callbox/internal/logbound"
	"callbox/signaling/protocol"
)

// retryAfter is how long a client is told to wait before it tries again.
const retryAfter = time.Second

// handleRequest carries out a request that is not a join, and replies to it.
// With a refusal, whose code is not empty, it only replies.
func (c *connection) handleRequest(id uint64, request protocol.Request, refusal protocol.Error, fx *effects) {
	s := c.session.Load()
	if s == nil {
		c.replyWithoutSession(id, request, refusal, fx)
		return
	}
	fx.sendLast(c)
	_ = fx.now(c.server) // sets when the message was read
	var ice protocol.ICEReply
	if _, ok := request.(protocol.ICE); ok { // the callback must not run with a lock held
		ice.ID = id
		ice.ICEServers, ice.ICETTL = c.server.iceServers(s.peer, c.localAddr)
	}
	var forward bool
	s.shard.mu.Lock()
	if s.connection == c && !s.replyAgain(id) {
		if refusal.Code != "" {
			s.replyOnce(id, refusal)
		} else {
			forward = s.execute(id, request, ice, fx)
		}
	}
	s.shard.mu.Unlock()
	if forward {
		c.handleReport(s, request)
	}
}

// replyWithoutSession replies on a connection without a session. Ids do not
// count there.
func (c *connection) replyWithoutSession(id uint64, request protocol.Request, refusal protocol.Error, fx *effects) {
	var reply protocol.Frame = refusal
	if refusal.Code == "" {
		if _, ok := request.(protocol.Ping); ok {
			reply = protocol.Pong{ID: id}
		} else {
			reply = protocol.Error{ID: id, Code: protocol.CodeNotJoined, Message: "join a room first"}
		}
	}
	c.sendReply(reply, fx)
}

// replyAgain resends the reply to id if it was used before. It returns
// false, and records the id, when the id is new.
func (s *session) replyAgain(id uint64) bool {
	if id == 0 {
		return false
	}
	if id > s.lastID {
		s.lastID = id
		return false
	}
	frame, evicted := s.replies.find(id)
	switch {
	case frame != nil:
		frame = bytes.Clone(frame) // its memory may be reused
	case evicted:
		frame = protocol.Encode(protocol.Ack{ID: id})
	default:
		frame = protocol.Encode(protocol.Error{
			ID: id, Code: protocol.CodeBadRequest, Message: "id " + strconv.FormatUint(id, 10) + " is not larger than the last one",
		})
	}
	s.connection.push(outgoing{payload: frame})
	return true
}

// replyOnce queues the reply to a request and stores it for replyAgain.
func (s *session) replyOnce(id uint64, reply protocol.Frame) {
	c := s.connection
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == 0 {
		c.pushLocked(outgoing{payload: protocol.Encode(reply)})
		return
	}
	ack, ok := reply.(protocol.Ack)
	s.storeReplyLocked(id, func(dst []byte) []byte {
		if ok {
			return protocol.AppendAck(dst, ack)
		}
		return protocol.Append(dst, reply)
	})
}

// storeReplyLocked queues and stores the reply to id, which encode appends. The
// connection's mu must be held.
func (s *session) storeReplyLocked(id uint64, encode func(dst []byte) []byte) {
	c := s.connection
	kept := s.replies.slot(id)
	before := cap(kept.frame)
	if c.queue.replies >= maxReplies {
		// The queue may hold this very slot's frame, whose memory must then not be
		// reused. It cannot while fewer replies wait, as those are the newest ones.
		kept.frame = nil
	}
	kept.frame = encode(kept.frame[:0])
	s.charge(cap(kept.frame) - before)
	c.pushLocked(outgoing{payload: kept.frame})
}

func (s *session) replyError(id uint64, code protocol.Code, message string) {
	s.replyOnce(id, protocol.Error{ID: id, Code: code, Message: message})
}

// execute carries out a request and replies to it. It returns true for a report
// that the caller must forward.
func (s *session) execute(id uint64, request protocol.Request, ice protocol.ICEReply, fx *effects) (forward bool) {
	switch r := request.(type) {
	case protocol.Message:
		s.messagesIn++
		s.handleMessage(r, fx)
	case protocol.Ping:
		s.handlePing(r)
	case protocol.Leave:
		s.handleLeave(r, fx)
	case protocol.ICE:
		s.replyOnce(id, ice)
	case protocol.Report:
		if fault, ok := protocol.CheckEventName(r.Event).(protocol.Error); ok { //nolint:errorlint // it returns nothing else, unwrapped
			fault.ID = id
			s.replyOnce(id, fault)
			return false
		}
		if id != 0 {
			s.replyOnce(id, protocol.Ack{ID: id})
		}
		return true
	default: // a type that this switch does not know yet must not go unanswered
		s.replyError(id, protocol.CodeInternal, "the server cannot carry out a request of this type")
	}
	return false
}

func (s *session) handleLeave(r protocol.Leave, fx *effects) {
	c := s.connection
	c.state.Or(stateLeft)
	c.startJoinTimer()
	s.shard.removePeer(s, protocol.ReasonLeft, fx)
	c.push(outgoing{payload: protocol.Encode(protocol.Left(r))})
}

func (s *session) handleMessage(r protocol.Message, fx *effects) {
	if r.To == "" {
		s.broadcast(r, fx)
		return
	}
	to := s.room.find(r.To)
	switch {
	case to == nil || to == s:
		s.replyError(r.ID, protocol.CodeNoSuchPeer, "nobody else in this room has that id")
	case !to.enqueueMessage(s, r, fx):
		why := "the receiver's queue is full: it has not confirmed what it was sent"
		if to.connection == nil {
			why = "the receiver's queue is full: it is away, and gets what is queued when it is back"
		}
		s.replyQueueFull(r.ID, why)
	default:
		s.shard.server.counters.messages.Add(1)
		if r.ID != 0 {
			s.replyAck(r.ID, to.peer)
		}
	}
}

// replyAck replies to a message for one peer. It does what replyOnce does, with
// fewer allocations.
func (s *session) replyAck(id uint64, to string) {
	c := s.connection
	c.mu.Lock()
	defer c.mu.Unlock()
	s.storeReplyLocked(id, func(dst []byte) []byte {
		return protocol.AppendAck(dst, protocol.Ack{ID: id, To: []string{to}})
	})
}

func (s *session) broadcast(r protocol.Message, fx *effects) {
	ack := protocol.Ack{ID: r.ID}
	for _, o := range s.room.seats {
		switch {
		case o == s:
		case o.enqueueMessage(s, r, fx):
			ack.To = append(ack.To, o.peer)
		default:
			ack.Failed = append(ack.Failed, protocol.Failure{Peer: o.peer, Code: protocol.CodeQueueFull})
		}
	}
	counters := &s.shard.server.counters
	counters.messages.Add(uint64(len(ack.To)))
	switch {
	case len(ack.To) == 0 && len(ack.Failed) == 0:
		s.replyError(r.ID, protocol.CodeAlone, "nobody else is in the room")
	case len(ack.To) == 0:
		s.replyQueueFull(r.ID, "the queue of every receiver is full: none has confirmed what it was sent")
	default:
		counters.queueFull.Add(uint64(len(ack.Failed)))
		if r.ID != 0 {
			s.replyOnce(r.ID, ack)
		}
	}
}

func (s *session) replyQueueFull(id uint64, why string) {
	s.shard.server.counters.queueFull.Add(1)
	s.replyOnce(id, protocol.Error{
		ID: id, Code: protocol.CodeQueueFull, Message: why, Retry: true, After: protocol.SecondsOf(retryAfter),
	})
}

// handlePing replies to a ping, which may confirm events, and adds a fresh token
// when half of the old one's life is over.
func (s *session) handlePing(r protocol.Ping) {
	if r.Seq > s.seq && r.ID != 0 {
		s.replyError(r.ID, protocol.CodeBadRequest, "there was no event "+strconv.FormatUint(r.Seq, 10)+" yet")
		return
	}
	s.confirmSent(r.Seq)
	pong := protocol.Pong{ID: r.ID}
	if s.shard.server.uptime()-s.tokenMade >= ResumeLife/2 {
		pong.Resume = s.shard.token(s)
	}
	s.replyOnce(r.ID, pong)
}

// handleSeen handles a seen.
func (c *connection) handleSeen(seq uint64) {
	s := c.session.Load()
	if s == nil {
		return
	}
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	if s.connection == c {
		s.confirmSent(seq)
	}
}

// confirmSent confirms the events up to seq, but none that was not sent. A seq
// beyond the newest event confirms nothing.
func (s *session) confirmSent(seq uint64) {
	if seq > s.seq {
		return
	}
	c := s.connection
	c.mu.Lock()
	seq = min(seq, c.sentSeq)
	c.mu.Unlock()
	s.confirm(seq)
}

// reportRate is the rate of reports that are passed on for each connection: 20
// at once, then one every 2 s.
func reportRate() rate {
	const interval, burst = 2 * time.Second, 20
	return rate{interval: interval, slack: interval * (burst - 1)}
}

// handleReport logs a client's report and passes it on.
func (c *connection) handleReport(s *session, request protocol.Request) {
	r, ok := request.(protocol.Report)
	if !ok {
		return
	}
	c.server.counters.reports.Add(1)
	now := c.server.uptime()
	if c.abuseCounts().reports.charge(reportRate(), now) > 0 || c.server.addresses.addReport(c.addr, now) > 0 {
		return // it was counted: that is enough
	}
	c.server.log.Info("peer reported", "peer", s.peer, "event", r.Event, "from", logbound.From(c.addr))
	if report := c.server.config.Report; report != nil {
		report(s.peer, r.Event, bytes.Clone(r.Data)) // Data aliases the frame
	}
}
