package signaling

import (
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// session is one client, whichever transport carries it. The transport calls
// handle and refuse from one goroutine; all else may be called from any.
type session struct {
	// Static after construction.
	server    *Server
	transport transport
	addr      netip.Addr // the client's
	arrived   netip.Addr // ours, that its request came in at
	log       *slog.Logger

	// Owned by the transport's reader.
	frames   bucket
	badTimes [maxBadFrames]time.Time
	badNext  int

	pinged time.Duration // when the last ping went, since the server's start; owned by Server.watch

	// joinBy is when the session must have joined, since the server's start;
	// 0 = it has.
	joinBy atomic.Int64
	// waiting is set while a join waits for others: the client is not at fault.
	waiting atomic.Bool
	// departed is set once the session has had a seat and given it up.
	departed atomic.Bool
	// overflowed is set when the queue took no more: the client is too slow.
	overflowed atomic.Bool

	mu       sync.Mutex // guards the following; a room's lock may be held
	ended    bool       // nothing more is queued
	seat     *seat      // nil = not joined
	lastID   uint64     // the highest request id of the peer
	seq      uint64     // the newest event of the peer
	queue    queue
	promises promises
}

// Bad frames that a client may send within badFrameWindow, less one.
const (
	maxBadFrames   = 8
	badFrameWindow = time.Minute
)

// handle carries out one frame from the client.
func (s *session) handle(frame []byte) {
	s.server.counters.framesIn.Add(1)
	if s.isEnded() {
		return
	}
	request, err := protocol.DecodeRequest(frame)
	fault, faulty := err.(protocol.Error) //nolint:errorlint // DecodeRequest returns nothing else, unwrapped
	if faulty && fault.Code == protocol.CodeBadFrame {
		s.refuse(fault.Message)
		return
	}
	id := fault.ID
	if !faulty {
		id = request.RequestID()
	}
	if wait := s.frames.take(s.server.frames, time.Now()); wait > 0 {
		s.rateLimited(id, "too many frames", wait)
		return
	}
	if faulty {
		s.reply(fault)
		return
	}
	s.carryOut(request)
}

// refuse answers what is no frame, and ends a session that sends too many.
func (s *session) refuse(message string) {
	if s.isEnded() {
		return
	}
	s.server.counters.badFrames.Add(1)
	now := time.Now()
	s.reply(protocol.Error{Code: protocol.CodeBadFrame, Message: message})
	oldest := s.badTimes[(s.badNext+1)%maxBadFrames]
	s.badTimes[s.badNext] = now
	s.badNext = (s.badNext + 1) % maxBadFrames
	if !oldest.IsZero() && now.Sub(oldest) < badFrameWindow {
		s.end(protocol.ClosePolicy, "too many bad frames", protocol.ReasonKicked)
	}
}

// allowControl counts a transport's own control frame against the rate of
// frames.
func (s *session) allowControl() bool {
	return s.frames.take(s.server.frames, time.Now()) == 0
}

func (s *session) carryOut(request protocol.Request) {
	id := request.RequestID()
	join, isJoin := request.(protocol.Join)
	if isJoin {
		s.join(join)
		return
	}
	if !s.countID(id) {
		s.fail(id, protocol.CodeBadRequest, "id "+strconv.FormatUint(id, 10)+" is not larger than the last one")
		return
	}
	if ping, ok := request.(protocol.Ping); ok {
		s.confirm(ping.Seq)
		s.reply(protocol.Pong{ID: id})
		return
	}
	st := s.seated()
	if st == nil {
		s.fail(id, protocol.CodeNotJoined, "join a room first")
		return
	}
	switch r := request.(type) {
	case protocol.Message:
		s.message(st, r)
	case protocol.Leave:
		s.leave(st, r)
	case protocol.ICE:
		servers, ttl := s.server.iceServers(st.peer, s.arrived)
		s.reply(protocol.ICEReply{ID: id, ICEServers: servers, ICETTL: ttl})
	case protocol.Report:
		s.report(st, r)
	}
}

// countID notes a request's id, and tells whether it is larger than all of
// the peer before it.
func (s *session) countID(id uint64) bool {
	if id == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id <= s.lastID {
		return false
	}
	s.lastID = id
	return true
}

func (s *session) seated() *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seat
}

func (s *session) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// reply queues an answer or a notice and sends it.
func (s *session) reply(f protocol.Frame) {
	s.mu.Lock()
	s.pushLocked(kindReply, protocol.Encode(f))
	s.mu.Unlock()
	s.flush()
}

func (s *session) fail(id uint64, code protocol.Code, message string) {
	s.reply(protocol.Error{ID: id, Code: code, Message: message})
}

func (s *session) rateLimited(id uint64, message string, wait time.Duration) {
	s.server.counters.rateLimited.Add(1)
	s.reply(protocol.Error{
		ID: id, Code: protocol.CodeRateLimited, Message: message,
		Retry: true, After: protocol.SecondsOf(wait.Round(time.Millisecond) + time.Millisecond),
	})
}

// flush sends what is queued. It ends a session whose queue was full: its
// client is too slow.
func (s *session) flush() {
	s.transport.flush()
	if s.overflowed.Load() {
		s.end(protocol.CloseTooSlow, "too slow", protocol.ReasonTimeout)
	}
}

func (s *session) pushLocked(k kind, payload []byte) bool {
	if s.ended {
		return false
	}
	if !s.queue.push(&s.server.config.Limits, k, payload) {
		s.overflowed.Store(true)
		return false
	}
	return true
}

// take appends queued frames to dst, each through encode, until dst is at
// least limit long or the queue is empty.
func (s *session) take(dst []byte, limit int, encode func([]byte, outgoing) []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(dst) < limit {
		o, ok := s.queue.pop()
		if !ok {
			break
		}
		dst = encode(dst, o)
	}
	return dst
}

// sit makes st the session's seat and queues joined.
func (s *session) sit(st *seat, joined protocol.Joined) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seat, s.seq, s.lastID, s.promises = st, 0, 0, promises{}
	s.pushLocked(kindReply, protocol.Encode(joined))
}

// rise takes the seat away, queues left unless it is nil, and returns what the
// peer was promised to get and has not confirmed.
func (s *session) rise(left protocol.Frame) map[*seat][]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.promises.undelivered()
	s.seat, s.promises = nil, promises{}
	if left != nil {
		s.pushLocked(kindReply, protocol.Encode(left))
	}
	return open
}

// announce queues an event of the server's own. event gets its number.
func (s *session) announce(event func(seq uint64) protocol.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pushLocked(kindEvent, protocol.Encode(event(s.seq+1))) {
		s.seq++
	}
}

// deliver queues a message from another seat. It returns false when there is
// no place for it.
func (s *session) deliver(from *seat, m protocol.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.ID != 0 && s.promises.full() {
		s.overflowed.Store(true)
		return false
	}
	// To a session that ended just now the message is lost, and the bye that
	// follows will say so.
	if !s.ended {
		event := protocol.MessageEvent{Seq: s.seq + 1, From: from.peer, Data: m.Data}
		if !s.pushLocked(kindMessage, protocol.Encode(event)) {
			return false
		}
		s.seq++
	}
	if m.ID != 0 {
		s.promises.add(delivery{seq: s.seq, from: from, id: m.ID})
		if s.promises.pending >= confirmEvery {
			s.pingLocked()
		}
	}
	return true
}

// ping asks the client for a sign of life. The answer also confirms every
// event before it.
func (s *session) ping() {
	s.mu.Lock()
	s.pingLocked()
	s.mu.Unlock()
	s.flush()
}

func (s *session) pingLocked() {
	s.promises.pending = 0
	if s.queue.pings == 0 {
		s.pushLocked(kindPing, strconv.AppendUint(nil, s.seq, 10))
	}
}

// confirm notes that the client has seen the events up to seq.
func (s *session) confirm(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq <= s.seq {
		s.promises.confirm(seq)
	}
}

// end gives the seat up and closes the connection. Only the first call counts.
func (s *session) end(code int, text string, reason protocol.Reason) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	if s.overflowed.Load() {
		s.queue = queue{} // it would stand before the close for ever
	}
	s.mu.Unlock()

	s.server.counters.closed(code)
	s.vacate(reason)
	s.transport.close(code, text)
	s.log.Debug("session ended", "code", code, "text", text)
}

// vacate gives the seat up, if there is one, without a word to the client.
func (s *session) vacate(reason protocol.Reason) {
	if st := s.seated(); st != nil {
		s.server.rooms.leave(st, reason, nil, s.server.isClosing())
	}
}
