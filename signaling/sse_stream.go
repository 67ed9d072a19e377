package signaling

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// streamTimeout is how long one write to a stream of events may take. A client
// that reads nothing for so long is considered gone.
const streamTimeout = 30 * time.Second

// eventStream is one response that events are written to, by the request's own
// goroutine.
type eventStream struct {
	source     *eventSource
	writer     http.ResponseWriter
	control    *http.ResponseController
	wake       chan struct{} // there is something to look at
	superseded chan struct{} // closed when a newer stream takes over, or the source is aborted
	done       chan struct{} // closed when nothing more will be written

	// Guarded by source.mu.
	isSuperseded bool
	isDone       bool
}

// notify makes the stream look at the queue; l may be nil.
func (l *eventStream) notify() {
	if l == nil {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default: // it is notified already
	}
}

// abortLocked ends a stream at once, even in the middle of a write.
func (l *eventStream) abortLocked() {
	if l == nil || l.isSuperseded || l.isDone {
		return
	}
	l.isSuperseded = true
	close(l.superseded)
	_ = l.control.SetWriteDeadline(time.Unix(1, 0)) // best effort: streamTimeout bounds it
}

// attach makes l the newest stream and waits until those before it are done. It
// returns false when the connection has ended; l must not be used then.
func (t *eventSource) attach(l *eventStream) bool {
	t.mu.Lock()
	if t.isEnded {
		t.mu.Unlock()
		return false
	}
	before := t.newest
	before.abortLocked()
	t.newest = l
	t.mu.Unlock()
	if before != nil {
		<-before.done
	}
	t.open.Store(true)
	t.noteActivity()
	return true
}

// detach ends l, and the connection too if it is closing.
func (t *eventSource) detach(l *eventStream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.newest == l {
		t.open.Store(false)
	}
	if t.closing && t.newest == l {
		t.endLocked()
	}
	l.isDone = true
	close(l.done)
}

// errLastEvent ends a stream after its close event.
var errLastEvent = errors.New("the connection is closed")

// serve writes what the connection's queue holds until the stream ends.
func (l *eventStream) serve(end <-chan struct{}) {
	for {
		some, err := l.writeQueued()
		switch {
		case err != nil:
			return
		case some:
			l.source.noteActivity()
			continue
		}
		select {
		case <-l.wake:
		case <-l.superseded:
			return
		case <-end:
			l.source.noteActivity() // the client was there until now
			return
		}
	}
}

// writeQueued writes some of what is queued, and the close event after the last
// of it. It returns false when there is nothing to write.
func (l *eventStream) writeQueued() (bool, error) {
	t := l.source
	buffer := batches.Get()
	defer batches.Put(buffer)
	batch := t.connection.appendQueued((*buffer)[:0], batchSize, t.appendEvent)
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

// write sends p to the client, within streamTimeout.
func (l *eventStream) write(p []byte) error {
	t := l.source
	t.mu.Lock()
	wait := streamTimeout
	if t.closing {
		wait = closeTimeout
	}
	if !l.isSuperseded {
		_ = l.control.SetWriteDeadline(time.Now().Add(wait)) // a server without deadlines has its own bounds
	}
	t.mu.Unlock()
	if _, err := l.writer.Write(p); err != nil {
		return err
	}
	return l.control.Flush()
}

// appendEvent appends one frame as an event. A reply goes to the POST that waits
// for it. The connection's mu must be held.
func (t *eventSource) appendEvent(dst []byte, o outgoing) []byte {
	switch {
	case o.ping:
		return append(dst, ": ping\n\n"...)
	case o.isReply():
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

// appendData completes an event with its data. JSON may have line breaks between
// its tokens; all kinds of them mean the same.
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

// appendClose appends the last event of a connection that is closing.
func (t *eventSource) appendClose(dst []byte) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closing {
		return dst, false
	}
	data, err := json.Marshal(struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	}{t.closeCode, t.closeReason})
	if err != nil {
		return dst, true
	}
	return appendData(append(dst, "event: close\n"...), data), true
}
