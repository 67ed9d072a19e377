package signaling

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// streamWait is how long one write to a stream of events may take. A client
// that reads nothing for so long is taken for gone.
const streamWait = 30 * time.Second

// eventSource carries a connection over plain HTTP: a stream of Server-Sent
// Events (WHATWG HTML, section 9.2) for events and notices, and a POST for each
// frame of the client, whose response is the reply. It is a transport. The
// client may come with one stream after the other; the newest counts.
type eventSource struct {
	// Static after construction.
	connection *connection
	over       chan struct{} // closed when the connection has ended

	posting   atomic.Bool // a POST is under way
	open      atomic.Bool // there is a stream
	lastHeard atomic.Int64

	reply []byte // that the stream came upon; guarded by connection.mu

	mu        sync.Mutex // guards the following
	newest    *eventStream
	closing   bool // close was called
	closeCode int
	closeText string
	finished  bool          // over is closed
	ended     time.Duration // when that was, since the server's start
	sign      chan struct{} // closed at the next sign of life; nil = nobody waits
}

// eventStream is one response that events are written to, by the request's own
// goroutine.
type eventStream struct {
	source  *eventSource
	writer  http.ResponseWriter
	control *http.ResponseController
	wake    chan struct{} // there is something to look at
	gone    chan struct{} // closed when a newer stream takes over, or the source is cut
	done    chan struct{} // closed when nothing more is written

	// Guarded by source.mu.
	isGone bool
	isDone bool
}

func newEventSource(s *Server) *eventSource {
	t := &eventSource{over: make(chan struct{})}
	t.lastHeard.Store(int64(s.uptime()))
	return t
}

// run waits for the end of the connection and of its streams.
func (t *eventSource) run() {
	defer t.connection.server.forget(t.connection)
	<-t.over
	t.mu.Lock()
	last := t.newest // it waits for those before it
	t.mu.Unlock()
	if last != nil {
		<-last.done
	}
}

func (t *eventSource) name() string { return "sse" }

func (t *eventSource) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest.nudge()
}

// nudge has the stream look at the queue; there may be no stream.
func (l *eventStream) nudge() {
	if l == nil {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default: // it will
	}
}

func (t *eventSource) close(code int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return
	}
	t.closing, t.closeCode, t.closeText = true, code, text
	t.signLocked()
	if l := t.newest; l == nil || l.isDone {
		t.finishLocked()
	} else {
		_ = l.control.SetWriteDeadline(time.Now().Add(closeWait)) // best effort: streamWait bounds it
		l.nudge()
	}
}

func (t *eventSource) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest.endLocked()
	t.finishLocked()
}

// endLocked ends a stream at once, even in the middle of a write.
func (l *eventStream) endLocked() {
	if l == nil || l.isGone || l.isDone {
		return
	}
	l.isGone = true
	close(l.gone)
	_ = l.control.SetWriteDeadline(time.Unix(1, 0)) // best effort: streamWait bounds it
}

// finishLocked ends the connection; no stream takes it any further.
func (t *eventSource) finishLocked() {
	if t.finished {
		return
	}
	t.finished, t.ended = true, t.connection.server.uptime()
	close(t.over)
	t.signLocked()
}

// endedBefore tells whether the connection ended before that time.
func (t *eventSource) endedBefore(limit time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.finished && t.ended < limit
}

func (t *eventSource) silence() time.Duration {
	return t.connection.server.uptime() - time.Duration(t.lastHeard.Load())
}

// patience is short while there is no stream: the client is not there.
func (t *eventSource) patience(interval time.Duration) time.Duration {
	if t.open.Load() {
		return 2 * interval
	}
	return interval
}

func (t *eventSource) heard() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sign == nil {
		t.sign = make(chan struct{})
	}
	return t.sign
}

// hear notes a sign of life. Without a stream there is none.
func (t *eventSource) hear() {
	if !t.open.Load() {
		return
	}
	t.lastHeard.Store(int64(t.connection.server.uptime()))
	t.mu.Lock()
	t.signLocked()
	t.mu.Unlock()
}

func (t *eventSource) signLocked() {
	if t.sign != nil {
		close(t.sign)
		t.sign = nil
	}
}

// attach makes l the newest stream and waits until those before it are done.
// It returns false when the connection has ended: then l must not be used.
func (t *eventSource) attach(l *eventStream) bool {
	t.mu.Lock()
	if t.finished {
		t.mu.Unlock()
		return false
	}
	before := t.newest
	before.endLocked()
	t.newest = l
	t.mu.Unlock()
	if before != nil {
		<-before.done
	}
	t.open.Store(true)
	t.hear()
	return true
}

// detach ends l, and the connection when that is closed.
func (t *eventSource) detach(l *eventStream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.newest == l {
		t.open.Store(false)
	}
	if t.closing && t.newest == l {
		t.finishLocked()
	}
	l.isDone = true
	close(l.done)
}

// errLastEvent ends a stream in good order.
var errLastEvent = errors.New("the connection is closed")

// serve writes what the connection's queue brings until the stream ends.
func (l *eventStream) serve(end <-chan struct{}) {
	for {
		some, err := l.writeQueued()
		switch {
		case err != nil:
			return
		case some:
			l.source.hear()
			continue
		}
		select {
		case <-l.wake:
		case <-l.gone:
			return
		case <-end:
			l.source.hear() // it was there until now
			return
		}
	}
}

// writeQueued writes some of what is queued, and the close behind the last of
// it. It returns false when there was nothing.
func (l *eventStream) writeQueued() (bool, error) {
	t := l.source
	buffer := batches.get()
	defer batches.put(buffer)
	batch := t.connection.take((*buffer)[:0], batchSize, t.appendEvent)
	last := false
	if len(batch) == 0 {
		batch, last = t.appendClose(batch)
	}
	*buffer = batch
	if len(batch) == 0 {
		return false, nil
	}
	err := l.write(batch)
	if err == nil && last {
		err = errLastEvent
	}
	return true, err
}

// write sends p to the client, within streamWait.
func (l *eventStream) write(p []byte) error {
	t := l.source
	t.mu.Lock()
	wait := streamWait
	if t.closing {
		wait = closeWait
	}
	if !l.isGone {
		_ = l.control.SetWriteDeadline(time.Now().Add(wait)) // a server without deadlines has its own bounds
	}
	t.mu.Unlock()
	if _, err := l.writer.Write(p); err != nil {
		return err
	}
	return l.control.Flush()
}

// appendEvent appends one frame as an event. A reply goes to the POST that
// waits for it. The connection's mu is locked.
func (t *eventSource) appendEvent(dst []byte, o outgoing) []byte {
	switch {
	case o.ping:
		return append(dst, ": ping\n\n"...)
	case o.reply():
		t.reply = o.payload
		return dst
	}
	if o.seq != 0 {
		dst = append(dst, "id: "...)
		dst = strconv.AppendUint(dst, o.seq, 10)
		dst = append(dst, '\n')
	}
	return appendData(dst, o.payload)
}

// appendData ends an event with its data. JSON may have line breaks between
// its tokens, where one is as good as another.
func appendData(dst, payload []byte) []byte {
	for first := true; first || len(payload) > 0; first = false {
		line := payload
		if i := bytes.IndexAny(payload, "\r\n"); i >= 0 {
			line, payload = payload[:i], payload[i+1:]
		} else {
			payload = nil
		}
		dst = append(dst, "data: "...)
		dst = append(dst, line...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}

// appendClose appends the last event of a connection that is closed.
func (t *eventSource) appendClose(dst []byte) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closing {
		return dst, false
	}
	data, err := json.Marshal(struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	}{t.closeCode, t.closeText})
	if err != nil {
		return dst, true
	}
	return appendData(append(dst, "event: close\n"...), data), true
}

// post carries out one frame and returns its reply, which may be nil.
func (t *eventSource) post(frame []byte) []byte {
	c := t.connection
	t.hear()
	var out flushes
	c.handle(frame, &out)
	c.mu.Lock()
	reply := t.reply
	t.reply = nil
	if reply == nil {
		reply = c.queue.popReply()
	}
	reply = bytes.Clone(reply) // its memory may be used again
	c.mu.Unlock()
	out.flush()
	return reply
}

// leave gives the seat up, if there is one, and closes the connection.
func (t *eventSource) leave() {
	c := t.connection
	var out flushes
	if s := c.session.Load(); s != nil {
		c.server.rooms.leave(s, c, protocol.ReasonLeft, &out)
	}
	c.end(protocol.CloseLeft, "left", &out)
	out.flush()
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
	if s.connection != c || s.lost {
		return
	}
	s.see(seen)
	confirmed := s.confirmed()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.dropEvents()
	c.queue.taken()
	c.sent = confirmed
	s.replayLocked(c, confirmed)
}
