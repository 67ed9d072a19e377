package signaling

import (
	"runtime"
	"time"

	"github.com/gorilla/websocket"
)

// flush is the transport's: see drain.
func (t *webSocket) flush() {
	if !t.beginTurn() || t.drain(t.stream.writeNow) {
		return
	}
	// The socket takes no more now, or cannot be asked without waiting.
	t.reserveBuffer()
	t.connection.server.running.Go(func() { t.drain(t.stream.write) })
	runtime.Gosched() // the writer starts before the queue fills
}

// countBatch takes memory for what the socket did not take. Without memory the
// client is too slow: the connection ends soon, and the batch with it.
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

// begin makes the caller the one who drains, unless somebody is at it, who is
// told to look again.
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

// drain moves frames from the connection's queue to the socket until the queue is
// empty, and ends the caller's turn. It returns false, and the turn goes on,
// when write stopped short.
func (t *webSocket) drain(write func([]byte) (int, error)) bool {
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

// fill takes the next frames, and the close frame behind the last of them.
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

// finish ends the turn unless there is something new to look at.
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

// fail ends the turn after a write error, for good, and wakes the reader.
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

// rest waits until nobody writes. After close or cut that is soon.
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
		if t.connection.is(stateCutSoon) {
			wait = cutSoonWait
		}
		t.closeTimer = time.AfterFunc(wait, t.abort)
	}
	t.mu.Unlock()
	t.flush()
}

// stop ends the connection and waits until nobody writes and nobody will.
func (t *webSocket) closeStream() {
	if !t.tryCloseStream() {
		t.abort()
		t.waitWriter()
		t.stream.finish()
	}
}

// tryStop ends the connection. It returns false when somebody writes still, or
// for ever.
func (t *webSocket) tryCloseStream() bool {
	t.mu.Lock()
	t.broken = true
	writing := t.writing
	if t.closeTimer != nil {
		t.closeTimer.Stop()
	}
	t.mu.Unlock()
	if !writing {
		t.stream.finish()
	}
	return !writing
}

func (t *webSocket) abort() { t.stream.cut() }

func appendOutgoing(dst []byte, o outgoing) []byte {
	opcode := opText
	if o.ping {
		opcode = opPing
	}
	return appendFrame(dst, opcode, o.payload)
}
