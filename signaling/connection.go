package signaling

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// connection is one client's way to the server: its transport and what belongs
// to the wire. It carries one session at a time, or none. The transport calls
// handle and refuse from one goroutine at a time; all else may be called from
// any.
type connection struct {
	// Static after construction.
	server    *Server
	number    uint64 // later connections have higher ones
	transport transport
	addr      netip.Addr // the client's
	localAddr netip.Addr // ours, that its request came in at

	// Owned by the transport's reader.
	frames bucket
	abuse  *abuseCounts // nil = nothing was counted there yet

	lastPing time.Duration // when the last ping went, since the server's start; owned by Server.watch

	// joinBy is when the connection must carry a session, since the server's
	// start; 0 = it does.
	joinDeadline atomic.Int64
	// session is the peer that this connection carries. It is changed with
	// the session's shard and mu locked, and never set once ended.
	session atomic.Pointer[session]
	// state has the flags below. They are set with mu locked.
	state atomic.Uint32

	mu          sync.Mutex // guards the following; a shard may be locked
	closeCode   int32
	queue       queue
	account     account // of the replies and notices in queue
	sentSeq     uint64  // the newest event of the session that was handed to the transport
	closeReason string
}

// The flags in connection.state.
const (
	stateEnded       = 1 << iota // nothing more is queued
	stateCloseDue                // the transport does not know yet that it ended
	stateOverflowed              // the queue took no more: the client is too slow
	stateWaiting                 // a join waits for others: the client is not at fault
	stateLeft                    // it has carried a session that left
	stateMisbehaving             // the client lately went beyond a limit, or confirmed nothing
	stateReserved                // it is one of spareConnections, and may not be used for a new seat
	stateAlone                   // nobody else has a seat in its peer's room
	stateOwing                   // its peer leaves much unconfirmed, see owingBytes
	stateCutSoon                 // its end waits for the client no longer than cutSoonWait
	stateFlooded                 // of what was read last some was beyond the rate
	statePaused                  // the poller does not read it now
)

// badFrames remembers when the client's last bad frames came, since the
// server's start.
type badFrames struct {
	times [maxBadFrames]time.Duration
	next  int
}

// Bad frames that a client may send within badFrameWindow, less one.
const (
	maxBadFrames   = 8
	badFrameWindow = time.Minute
)

// add notes a bad frame and tells whether it is one too many.
func (b *badFrames) add(now time.Duration) bool {
	oldest := b.times[(b.next+1)%maxBadFrames]
	b.times[b.next] = now
	b.next = (b.next + 1) % maxBadFrames
	return oldest != 0 && now-oldest < badFrameWindow
}

// newConnection returns a connection whose time to join begins now. number is
// a new one of s.numbers, drawn before the client can know of the connection.
func (s *Server) newConnection(number uint64, t transport, adm admission, arrived netip.Addr) *connection {
	c := &connection{server: s, number: number, transport: t, addr: adm.addr, localAddr: arrived, lastPing: s.uptime()}
	if adm.reserved {
		c.state.Store(stateReserved)
	}
	c.startJoinTimer()
	return c
}

// armJoin starts the time within which a session must join.
func (c *connection) startJoinTimer() {
	if within := c.server.config.Limits.JoinWithin; within > 0 {
		c.joinDeadline.Store(int64(c.server.uptime() + within))
	}
}

func (c *connection) is(flag uint32) bool { return c.state.Load()&flag != 0 }

// set sets or clears a flag.
func (c *connection) set(flag uint32, on bool) {
	switch {
	case c.is(flag) == on:
	case on:
		c.state.Or(flag)
	default:
		c.state.And(^flag)
	}
}

// handle carries out one frame from the client. What it queues is sent when
// the caller flushes out, once for all frames that it has.
func (c *connection) handle(frame []byte, fx *effects) {
	c.server.counters.framesIn.Add(1)
	if c.is(stateEnded) {
		return
	}
	if wait := c.chargeFrame(len(frame), fx.now(c.server)); wait > 0 {
		c.refuseOverRate(frame, wait, fx)
		return
	}
	request, err := protocol.DecodeRequest(frame)
	fault, faulty := err.(protocol.Error) //nolint:errorlint // DecodeRequest returns nothing else, unwrapped
	if faulty && fault.Code == protocol.CodeBadFrame {
		c.refuseBadFrame(fault.Message, fx)
		return
	}
	id := fault.ID
	if !faulty {
		id = request.RequestID()
	}
	if c.server.isClosing() {
		fault = closingError(id)
	}
	switch r := request.(type) {
	case protocol.Seen:
		c.handleSeen(r.Seq) // refusing it would only make more work
	case protocol.Join:
		if fault.Code != "" {
			c.server.counters.joinFailed(fault.Code)
			c.sendReply(fault, fx)
			return
		}
		c.join(r, fx)
	default:
		c.handleRequest(id, request, fault, fx)
	}
}

// refuse answers what is no frame, and puts a client out that sends too many.
func (c *connection) refuseBadFrame(message string, fx *effects) {
	if c.is(stateEnded) {
		return
	}
	c.server.counters.badFrames.Add(1)
	c.sendReply(protocol.Error{Code: protocol.CodeBadFrame, Message: message}, fx)
	if c.abuseCounts().badFrames.add(fx.now(c.server)) {
		c.kick(protocol.ClosePolicy, "too many bad frames", fx)
	}
}

// tooLarge ends a connection whose client sent a frame beyond the limit.
func (c *connection) closeTooLarge(fx *effects) {
	limit := strconv.Itoa(c.server.config.Limits.FrameBytes)
	c.sendReply(protocol.Error{Code: protocol.CodeTooLarge, Message: "a frame may have " + limit + " bytes"}, fx)
	c.close(protocol.CloseTooLarge, "frame too large", fx)
}

// noMemory ends a connection when there is no memory for the frame that its
// client has begun. The client comes back, and sends it again.
func (c *connection) closeNoMemory(fx *effects) {
	c.close(protocol.CloseTooSlow, "no memory for the frame", fx)
}

// reply queues an answer that is not kept.
func (c *connection) sendReply(f protocol.Frame, fx *effects) {
	c.push(outgoing{payload: protocol.Encode(f)})
	fx.send(c)
}

// notify queues a notice.
func (c *connection) sendNotice(f protocol.Frame, fx *effects) {
	c.push(outgoing{payload: protocol.Encode(f), notice: true})
	fx.send(c)
}

// push queues a frame unless the connection has ended.
func (c *connection) push(o outgoing) {
	c.mu.Lock()
	c.pushLocked(o)
	c.mu.Unlock()
}

func (c *connection) pushLocked(o outgoing) {
	if c.is(stateEnded) {
		return
	}
	if o.isCharged() && !c.account.reserve(c.server.memory, c.addr, len(o.payload)) || !c.queue.push(o) {
		c.state.Or(stateOverflowed)
	}
}

// freeLocked notes that what was counted of o is no longer kept.
func (c *connection) releaseLocked(o outgoing) {
	if o.isCharged() {
		c.account.release(c.server.memory, c.addr, len(o.payload))
	}
}

// ping asks the client for a sign of life.
func (c *connection) ping(fx *effects) {
	c.mu.Lock()
	if c.queue.pings == 0 {
		c.pushLocked(outgoing{ping: true})
	}
	c.mu.Unlock()
	fx.send(c)
}

// clogged tells whether size bytes more than what waits to be sent would be
// more than a client may leave unread.
func (c *connection) sendQueueFull(limits *Limits, size int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !limits.fits(c.queue.unsent, c.queue.unsentBytes, size)
}

// take appends queued frames to dst, each through encode, until dst is at
// least limit long or the queue is empty. Only one at a time may call it, who
// has sent all that it took before.
func (c *connection) appendQueued(dst []byte, limit int, encode func([]byte, outgoing) []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	var now time.Duration
	c.queue.clearInFlight()
	for len(dst) < limit {
		o, ok := c.queue.pop()
		if !ok {
			break
		}
		c.releaseLocked(o)
		if o.seq != 0 {
			c.sentSeq = o.seq
		}
		if o.readAt != 0 {
			if now == 0 {
				now = c.server.uptime()
			}
			c.server.counters.relay.add(now - o.readAt)
		}
		dst = encode(dst, o)
	}
	return dst
}

// flush sends what is queued. When that is the end of the connection, it tells
// the transport.
func (c *connection) sendQueued(fx *effects) {
	c.transport.flush()
	switch state := c.state.Load(); {
	case state&stateCloseDue != 0:
		c.mu.Lock()
		c.state.And(^uint32(stateCloseDue))
		code, text := int(c.closeCode), c.closeReason
		c.mu.Unlock()
		c.transport.closeGracefully(code, text)
	case state&(stateOverflowed|stateEnded) == stateOverflowed:
		c.close(protocol.CloseTooSlow, "too slow", fx)
	}
}

// end closes the connection. The seat of the session that it carries is held
// for the grace time. Only the first end counts.
func (c *connection) close(code int, text string, fx *effects) {
	if !c.markEnded(code, text) {
		return
	}
	fx.send(c)
	if s := c.session.Load(); s != nil {
		c.server.rooms.disconnect(s, c, fx)
	}
}

// kick closes the connection, and the session that it carries gives its seat
// up.
func (c *connection) kick(code int, text string, fx *effects) {
	if !c.markEnded(code, text) {
		return
	}
	fx.send(c)
	if s := c.session.Load(); s != nil {
		c.server.rooms.leave(s, c, protocol.ReasonKicked, fx)
	}
}

// stop lets nothing more into the queue. It returns false when the connection
// has ended before. A shard may be locked.
func (c *connection) markEnded(code int, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is(stateEnded) {
		return false
	}
	c.state.Or(stateEnded | stateCloseDue)
	c.closeCode, c.closeReason = int32(code), text //nolint:gosec // close codes have 16 bits
	if code == protocol.CloseTooSlow || code == protocol.CloseTakenOver {
		c.queue = queue{} // it would stand before the close for ever; or nobody wants it any more
		c.account.releaseAll(c.server.memory, c.addr)
	}
	c.server.counters.closed(code)
	return true
}
