package signaling

import (
	"runtime"
	"time"

	"github.com/gorilla/websocket"
)

// flush implements transport. It writes what the socket takes now, and starts a
// writer goroutine for the rest.
func (t *webSocket) flush() {
	if !t.beginTurn() || t.writeQueued(t.stream.writeNow) {
		return
	}
	// The socket takes no more now, or cannot be written without waiting.
	t.reserveBuffer()
	t.connection.server.running.Go(func() { t.writeQueued(t.stream.write) })
	runtime.Gosched() // the writer starts before the queue fills
}

// reserveBuffer takes memory for what the socket did not take. Without memory
// the client counts as too slow: its connection ends soon, and the buffer with
// it.
func (t *webSocket) reserveBuffer() {
	c := t.connection
	if needed := cap(*t.buffer); needed > 0 && t.bufferMemory == 0 {
		if c.server.memory.Take(c.addr, needed) {
			t.bufferMemory = needed
		} else {
			c.state.Or(stateOverflowed)
		}
	}
}

// beginTurn makes the caller the writer, and reports whether it did. If there is
// a writer already, that one looks at the queue again before it ends its turn.
func (t *webSocket) beginTurn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken {
		return false
	}
	if t.writing {
		t.lookAgain = true
		return false
	}
	t.writing = true
	return true
}

// writeQueued moves frames from the connection's queue to the socket until the queue
// is empty, and ends the caller's turn as the writer. When write takes only a
// part, writeQueued returns false and the turn goes on.
func (t *webSocket) writeQueued(write func([]byte) (int, error)) bool {
	for {
		if len(t.unwritten) == 0 {
			more, err := t.fill()
			if err != nil {
				t.writeFailed()
				return true
			}
			if !more {
				if t.endTurn() {
					return true
				}
				continue
			}
		}
		n, err := write(t.unwritten)
		t.unwritten = t.unwritten[n:]
		if err != nil {
			t.writeFailed()
			return true
		}
		if len(t.unwritten) > 0 {
			return false
		}
	}
}

// fill takes the next frames from the queue, and the close frame after the last
// of them. It reports whether there is anything to write.
func (t *webSocket) fill() (more bool, err error) {
	if t.buffer == nil {
		t.buffer = batches.Get()
	}
	batch := append((*t.buffer)[:0], t.handshakeResponse...)
	t.handshakeResponse = nil
	batch = t.connection.appendQueued(batch, batchSize, appendOutgoing)
	t.mu.Lock()
	if t.pong != nil {
		batch = append(batch, t.pong...)
		t.pong = nil
	}
	if t.closing && len(batch) == 0 {
		batch = append(batch, t.closeFrame...)
		t.closeFrame = nil
	}
	t.mu.Unlock()
	*t.buffer = batch
	t.buffer, err = t.stream.seal(t.buffer)
	t.unwritten = *t.buffer
	return len(t.unwritten) > 0, err
}

// endTurn ends the writer's turn. It returns false, and the turn goes on, when
// there is something new in the queue.
func (t *webSocket) endTurn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lookAgain {
		t.lookAgain = false
		return false
	}
	t.endTurnLocked()
	return true
}

// writeFailed ends the writer's turn after an error. There will be no other
// writer, and the reader wakes up.
func (t *webSocket) writeFailed() {
	t.abort()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = true
	t.endTurnLocked()
}

func (t *webSocket) endTurnLocked() {
	if t.bufferMemory > 0 {
		t.connection.server.memory.Give(t.connection.addr, t.bufferMemory)
		t.bufferMemory = 0
	}
	batches.Put(t.buffer)
	t.buffer, t.unwritten = nil, nil
	t.writing = false
	if t.writerDone != nil {
		close(t.writerDone)
		t.writerDone = nil
	}
}

// waitWriter waits until there is no writer. After closeGracefully that takes no
// longer than closeTimeout, and after abort it returns at once.
func (t *webSocket) waitWriter() {
	t.mu.Lock()
	if !t.writing {
		t.mu.Unlock()
		return
	}
	if t.writerDone == nil {
		t.writerDone = make(chan struct{})
	}
	done := t.writerDone
	t.mu.Unlock()
	<-done
}

// closeGracefully implements transport. The close frame follows what is queued;
// after closeTimeout the connection is aborted.
func (t *webSocket) closeGracefully(code int, text string) {
	t.mu.Lock()
	if t.closing {
		t.mu.Unlock()
		return
	}
	t.closing = true
	t.closeFrame = appendFrame(nil, opClose, websocket.FormatCloseMessage(code, text))
	t.signalActivityLocked()
	if !t.broken {
		wait := closeTimeout
		if t.connection.is(stateCloseSoon | stateMakesWay) {
			wait = shortCloseTimeout
		}
		t.closeTimer = time.AfterFunc(wait, t.abort)
	}
	t.mu.Unlock()
	t.flush()
	if t.connection.is(stateMakesWay) && t.closeFrameSent() {
		t.abort() // its descriptor is needed; what was sent arrives all the same
	}
}

// closeFrameSent reports whether the socket has taken the close frame.
func (t *webSocket) closeFrameSent() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closeFrame == nil && !t.writing
}

// tryTeardown is teardown without waiting. It returns false, and closes
// nothing, while a writer is running.
func (t *webSocket) tryTeardown() bool {
	t.mu.Lock()
	t.broken = true
	writing := t.writing
	if t.closeTimer != nil {
		t.closeTimer.Stop()
	}
	t.mu.Unlock()
	if !writing {
		t.finishTeardown()
	}
	return !writing
}

// finishTeardown closes the stream, which nobody reads or writes any more, and
// removes the connection from the server.
func (t *webSocket) finishTeardown() {
	t.stream.close()
	t.noteActivity() // nobody needs to wait any longer
	t.connection.server.removeConnection(t.connection)
}

// abort implements transport. It only shuts the stream down; the reader notices
// that and calls teardown.
func (t *webSocket) abort() { t.stream.abort() }

func appendOutgoing(dst []byte, o outgoing) []byte {
	opcode := opText
	if o.ping {
		opcode = opPing
	}
	return appendFrame(dst, opcode, o.payload)
}
