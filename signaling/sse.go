package signaling

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// eventSource carries a connection over plain HTTP: a stream of Server-Sent
// Events (WHATWG HTML, section 9.2) for events and notices, and a POST for each
// frame of the client, whose response is the reply. It is a transport. The
// client may come with one stream after the other; the newest counts.
type eventSource struct {
	// Static after construction.
	connection *connection
	key        sourceKey
	ended      chan struct{} // closed when the connection has ended

	posting      atomic.Bool // a POST is under way
	open         atomic.Bool // there is a stream
	lastActivity atomic.Int64

	reply []byte // that the stream came upon; guarded by connection.mu

	mu             sync.Mutex // guards the following
	newest         *eventStream
	closing        bool // close was called
	closeCode      int
	closeReason    string
	isEnded        bool          // over is closed
	activitySignal chan struct{} // closed at the next sign of life; nil = nobody waits
}

func newEventSource(s *Server) *eventSource {
	t := &eventSource{ended: make(chan struct{})}
	t.lastActivity.Store(int64(s.uptime()))
	return t
}

// run waits for the end of the connection and of its streams.
func (t *eventSource) run() {
	s := t.connection.server
	defer s.removeConnection(t.connection)
	<-t.ended
	s.sources.noteEnd(t, s.uptime())
	t.mu.Lock()
	last := t.newest // it waits for those before it
	t.mu.Unlock()
	if last != nil {
		<-last.done
	}
}

func (t *eventSource) kind() transportKind { return overSSE }

// wait is always right: each POST has a goroutine of its own.
func (t *eventSource) prepareToBlock() bool { return true }

func (t *eventSource) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest.wakeUp()
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
		_ = l.control.SetWriteDeadline(time.Now().Add(closeTimeout)) // best effort: streamWait bounds it
		l.wakeUp()
	}
}

func (t *eventSource) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest.abortLocked()
	t.endLocked()
}

// finishLocked ends the connection; no stream takes it any further.
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

// patience is short while there is no stream: the client is not there.
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

// hear notes a sign of life. Without a stream there is none.
func (t *eventSource) noteActivity() {
	if !t.open.Load() {
		return
	}
	t.lastActivity.Store(int64(t.connection.server.uptime()))
	t.mu.Lock()
	t.signalActivityLocked()
	t.mu.Unlock()
}

func (t *eventSource) signalActivityLocked() {
	if t.activitySignal != nil {
		close(t.activitySignal)
		t.activitySignal = nil
	}
}

// post carries out one frame and returns its reply, which may be nil.
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
	reply = bytes.Clone(reply) // its memory may be used again
	c.mu.Unlock()
	fx.apply()
	return reply
}

// leave gives the seat up, if there is one, and closes the connection.
func (t *eventSource) leave() {
	c := t.connection
	var fx effects
	if s := c.session.Load(); s != nil {
		c.server.rooms.leave(s, c, protocol.ReasonLeft, &fx)
	}
	c.close(protocol.CloseLeft, "left", &fx)
	fx.apply()
}

// replay queues the events again that the client may not have: all that it has
// not confirmed. seen = it has those up to there.
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
