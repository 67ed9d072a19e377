package signaling

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// eventSource is the transport over plain HTTP: a stream of Server-Sent Events
// (WHATWG HTML, section 9.2) for events and notices, and one POST for each frame
// of the client, whose response is the reply. The client may open one stream
// after another; the newest counts.
type eventSource struct {
	// Static after construction.
	connection *connection
	key        sourceKey
	ended      chan struct{} // closed when the connection has ended

	posting      atomic.Bool // a POST is being handled
	open         atomic.Bool // there is a stream
	lastActivity atomic.Int64

	reply []byte // the reply that a stream took from the queue, for the POST that waits for it; guarded by connection.mu

	mu             sync.Mutex // guards the following
	newest         *eventStream
	closing        bool // closeGracefully was called
	closeCode      int
	closeReason    string
	isEnded        bool          // ended is closed
	activitySignal chan struct{} // closed at the next activity; nil = nobody waits
}

func newEventSource(s *Server) *eventSource {
	t := &eventSource{ended: make(chan struct{})}
	t.lastActivity.Store(int64(s.uptime()))
	return t
}

// run waits until the connection and its streams have ended.
func (t *eventSource) run() {
	s := t.connection.server
	defer s.removeConnection(t.connection)
	<-t.ended
	s.sources.noteEnd(t, s.uptime())
	t.mu.Lock()
	last := t.newest // it waits for the streams before it
	t.mu.Unlock()
	if last != nil {
		<-last.done
	}
}

func (t *eventSource) kind() transportKind { return overSSE }

// prepareToBlock implements transport. Each POST has a goroutine of its own,
// which may block.
func (t *eventSource) prepareToBlock() bool { return true }

func (t *eventSource) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest.notify()
}

func (t *eventSource) closeGracefully(code int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return
	}
	t.closing, t.closeCode, t.closeReason = true, code, text
	t.signalActivityLocked()
	if l := t.newest; l == nil || l.isDone {
		t.endLocked()
	} else {
		_ = l.control.SetWriteDeadline(time.Now().Add(closeTimeout)) // best effort: streamTimeout bounds it
		l.notify()
	}
}

func (t *eventSource) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest.abortLocked()
	t.endLocked()
}

// endLocked ends the connection. No stream serves it any longer.
func (t *eventSource) endLocked() {
	if t.isEnded {
		return
	}
	t.isEnded = true
	close(t.ended)
	t.signalActivityLocked()
}

func (t *eventSource) idleFor() time.Duration {
	return t.connection.server.uptime() - time.Duration(t.lastActivity.Load())
}

// idleTimeout implements transport. It is short while there is no stream: the
// client is not there.
func (t *eventSource) idleTimeout(interval time.Duration) time.Duration {
	if t.open.Load() {
		return 2 * interval
	}
	return interval
}

func (t *eventSource) activity() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.activitySignal == nil {
		t.activitySignal = make(chan struct{})
	}
	return t.activitySignal
}

// noteActivity records that something arrived from the client. Without a stream
// it records nothing.
func (t *eventSource) noteActivity() {
	if !t.open.Load() {
		return
	}
	t.lastActivity.Store(int64(t.connection.server.uptime()))
	t.mu.Lock()
	t.signalActivityLocked()
	t.mu.Unlock()
}

// signalActivityLocked wakes the goroutines that wait for activity. t.mu must be
// held.
func (t *eventSource) signalActivityLocked() {
	if t.activitySignal != nil {
		close(t.activitySignal)
		t.activitySignal = nil
	}
}

// post carries out one frame and returns its reply, or nil.
func (t *eventSource) post(frame []byte) []byte {
	c := t.connection
	t.noteActivity()
	var fx effects
	c.handle(frame, &fx)
	c.mu.Lock()
	reply := t.reply
	t.reply = nil
	if reply == nil {
		o, _ := c.queue.popReply()
		c.releaseLocked(o)
		reply = o.payload
	}
	reply = bytes.Clone(reply) // its memory may be reused
	c.mu.Unlock()
	fx.apply()
	return reply
}

// leave frees the client's seat, if it has one, and closes the connection.
func (t *eventSource) leave() {
	c := t.connection
	var fx effects
	if s := c.session.Load(); s != nil {
		c.server.rooms.leave(s, c, protocol.ReasonLeft, &fx)
	}
	c.close(protocol.CloseLeft, "left", &fx)
	fx.apply()
}

// replay queues all events again that the client may not have: those that it has
// not confirmed. seen is the newest event that it has seen.
func (c *connection) replay(seen uint64) {
	s := c.session.Load()
	if s == nil {
		return
	}
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	if s.connection != c || s.replayLost {
		return
	}
	s.confirmSent(seen)
	confirmed := s.confirmed()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.dropEvents()
	c.queue.clearInFlight()
	c.sentSeq = confirmed
	s.replayLocked(c, confirmed)
}
