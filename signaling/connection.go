package signaling

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// connection is one client's connection to the server: its transport and
// everything that belongs to the wire. It carries one session at a time, or
// none. The transport calls handle and refuseBadFrame from one goroutine at a
// time; all other methods may be called from any goroutine.
type connection struct {
	// Static after construction.
	server    *Server
	number    uint64 // later connections have higher numbers
	transport transport
	addr      netip.Addr // the client's
	localAddr netip.Addr // the server's, at which the client's request arrived

	// Owned by the transport's reader.
	frames bucket
	abuse  *abuseCounts // nil = nothing to count yet

	lastPing time.Duration // when the last ping was sent, since the server's start; owned by Server.keepAlive

	// joinDeadline is when the connection must carry a session, since the
	// server's start; 0 = it does.
	joinDeadline atomic.Int64
	// session is the peer that this connection carries. It is changed with the
	// session's shard and mu locked, and never set after the connection has
	// ended.
	session atomic.Pointer[session]
	// state holds the flags below. stateEnded is set with mu locked.
	state atomic.Uint32

	mu          sync.Mutex // guards the following; may be locked while a shard is
	closeCode   int32
	queue       queue
	account     account // of the replies and notices in queue
	sentSeq     uint64  // the newest event of the session that the transport got
	closeReason string
}

// The flags in connection.state.
const (
	stateEnded       = 1 << iota // nothing more is queued
	stateCloseDue                // the transport has not been told yet that the connection ended
	stateOverflowed              // the queue was full: the client is too slow
	stateWaiting                 // a join waits for the occupants of its room: the client is not at fault
	stateLeft                    // it has carried a session that left
	stateMisbehaving             // the client recently exceeded a limit, or confirmed nothing
	stateReserved                // it is one of reservedConnections, and may not take a new seat
	stateAlone                   // its peer has no company, see noteCompany
	stateUnconfirmed             // its peer leaves much unconfirmed, see unconfirmedBytes
	stateCloseSoon               // closing it waits for the client no longer than shortCloseTimeout
	stateMakesWay                // it is closed so that another one can be opened
	stateFlooded                 // some of what was read last was beyond the rate
	statePaused                  // the poller does not read from it now
)

// badFrames remembers when the client's last bad frames arrived, since the
// server's start.
type badFrames struct {
	times [maxBadFrames]time.Duration
	next  int
}

// A client may send one bad frame less than maxBadFrames within badFrameWindow.
const (
	maxBadFrames   = 8
	badFrameWindow = time.Minute
)

// add records a bad frame and reports whether it is one too many.
func (b *badFrames) add(now time.Duration) bool {
	oldest := b.times[(b.next+1)%maxBadFrames]
	b.times[b.next] = now
	b.next = (b.next + 1) % maxBadFrames
	return oldest != 0 && now-oldest < badFrameWindow
}

// newConnection returns a connection and starts its time to join. number must be
// a new one from s.lastNumber, drawn before the client can know of the
// connection.
func (s *Server) newConnection(number uint64, t transport, adm admission, arrived netip.Addr) *connection {
	c := &connection{server: s, number: number, transport: t, addr: adm.addr, localAddr: arrived, lastPing: s.uptime()}
	if adm.reserved {
		c.state.Store(stateReserved)
	}
	c.startJoinTimer()
	return c
}

// startJoinTimer sets the deadline by which a session must join.
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

// handle carries out one frame from the client. What it queues is sent when the
// caller applies fx, which it does once for all frames that it has read.
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
		c.handleSeen(r.Seq) // a refusal would only cost more
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

// refuseBadFrame replies to text that is no frame, and kicks a client that sends
// too much of it.
func (c *connection) refuseBadFrame(message string, fx *effects) {
	if c.is(stateEnded) {
		return
	}
	c.server.counters.badFrames.Add(1)
	c.sendReply(protocol.Error{Code: protocol.CodeBadFrame, Message: message}, fx)
	if c.abuseCounts().badFrames.add(fx.now(c.server)) {
		c.closeForAbuse(protocol.ClosePolicy, "too many bad frames", fx)
	}
}

// closeTooLarge closes the connection of a client that sent a frame larger than
// the limit.
func (c *connection) closeTooLarge(fx *effects) {
	limit := strconv.Itoa(c.server.config.Limits.FrameBytes)
	c.sendReply(protocol.Error{Code: protocol.CodeTooLarge, Message: "a frame may have at most " + limit + " bytes"}, fx)
	c.close(protocol.CloseTooLarge, "frame too large", fx)
}

// closeNoMemory closes the connection when there is no memory for the frame that
// its client has begun. The client reconnects, and sends the frame again.
func (c *connection) closeNoMemory(fx *effects) {
	c.close(protocol.CloseTooSlow, "no memory for the frame", fx)
}

// sendReply queues a reply that is not stored.
func (c *connection) sendReply(f protocol.Frame, fx *effects) {
	c.push(outgoing{payload: protocol.Encode(f)})
	fx.send(c)
}

// sendNotice queues a notice.
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

// releaseLocked releases what the account holds for o.
func (c *connection) releaseLocked(o outgoing) {
	if o.isCharged() {
		c.account.release(c.server.memory, c.addr, len(o.payload))
	}
}

// ping queues a ping to the client.
func (c *connection) ping(fx *effects) {
	c.mu.Lock()
	if c.queue.pings == 0 {
		c.pushLocked(outgoing{ping: true})
	}
	c.mu.Unlock()
	fx.send(c)
}

// sendQueueFull reports whether size bytes more would exceed what a client may
// leave unread.
func (c *connection) sendQueueFull(limits *Limits, size int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !limits.fits(c.queue.unsent, c.queue.unsentBytes, size)
}

// appendQueued moves queued frames to dst, each through encode, until dst is at
// least limit bytes long or the queue is empty. Only one goroutine may call it
// at a time, and only after it has sent everything that the call before
// returned.
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

// sendQueued makes the transport send what is queued. After the connection has
// ended, it also makes the transport close.
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

// close ends the connection. The seat of the session that it carries is held for
// the grace time. Only the first close or kick counts.
func (c *connection) close(code int, text string, fx *effects) {
	if !c.markEnded(code, text) {
		return
	}
	fx.send(c)
	if s := c.session.Load(); s != nil {
		c.server.rooms.disconnect(s, c, fx)
	}
}

// closeForAbuse ends the connection and frees the seat of the session that it carries.
// Only the first close counts.
func (c *connection) closeForAbuse(code int, text string, fx *effects) {
	c.state.Or(stateMisbehaving | stateCloseSoon) // what it sends until its end costs as much as before
	if !c.markEnded(code, text) {
		return
	}
	fx.send(c)
	if s := c.session.Load(); s != nil {
		c.server.rooms.leave(s, c, protocol.ReasonKicked, fx)
	}
}

// markEnded makes the queue accept nothing more. It returns false when the
// connection had ended before. A shard may be locked. The caller must pass c to
// effects.send, which closes the transport.
func (c *connection) markEnded(code int, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is(stateEnded) {
		return false
	}
	c.state.Or(stateEnded | stateCloseDue)
	c.closeCode, c.closeReason = int32(code), text //nolint:gosec // close codes have 16 bits
	if code == protocol.CloseTooSlow || code == protocol.CloseTakenOver {
		c.queue = queue{} // the close would wait behind it for ever; or nobody wants it any more
		c.account.releaseAll(c.server.memory, c.addr)
	}
	c.server.counters.closed(code)
	return true
}
