package signaling

import (
	"runtime"
	"time"

	"github.com/gorilla/websocket"
)

// flush is the transport's: see drain.
func (t *webSocket) flush() {
	if !t.begin() || t.drain(t.stream.writeNow) {
		return
	}
	// The socket takes no more now, or cannot be asked without waiting.
	t.countBatch()
	t.connection.server.running.Go(func() { t.drain(t.stream.write) })
	runtime.Gosched() // the writer starts before the queue fills
}

// countBatch takes memory for what the socket did not take. Without memory the
// client is too slow: the connection ends soon, and the batch with it.
func (t *webSocket) countBatch() {
	c := t.connection
	if needed := cap(*t.held); needed > 0 && t.paid == 0 {
		if c.server.memory.Take(c.addr, needed) {
			t.paid = needed
		} else {
			c.state.Or(stateOverflowed)
		}
	}
}

// begin makes the caller the one who drains, unless somebody is at it, who is
// told to look again.
func (t *webSocket) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken {
		return false
	}
	if t.busy {
		t.again = true
		return false
	}
	t.busy = true
	return true
}

// drain moves frames from the connection's queue to the socket until the queue is
// empty, and ends the caller's turn. It returns false, and the turn goes on,
// when write stopped short.
func (t *webSocket) drain(write func([]byte) (int, error)) bool {
	for {
		if len(t.batch) == 0 {
			some, err := t.fill()
			if err != nil {
				t.fail()
				return true
			}
			if !some {
				if t.finish() {
					return true
				}
				continue
			}
		}
		n, err := write(t.batch)
		t.batch = t.batch[n:]
		if err != nil {
			t.fail()
			return true
		}
		if len(t.batch) > 0 {
			return false
		}
	}
}

// fill takes the next frames, and the close frame behind the last of them.
func (t *webSocket) fill() (some bool, err error) {
	if t.held == nil {
		t.held = batches.Get()
	}
	batch := append((*t.held)[:0], t.answer...)
	t.answer = nil
	batch = t.connection.take(batch, batchSize, appendOutgoing)
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
	*t.held = batch
	t.held, err = t.stream.seal(t.held)
	t.batch = *t.held
	return len(t.batch) > 0, err
}

// finish ends the turn unless there is something new to look at.
func (t *webSocket) finish() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.again {
		t.again = false
		return false
	}
	t.endTurnLocked()
	return true
}

// fail ends the turn after a write error, for good, and wakes the reader.
func (t *webSocket) fail() {
	t.cut()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = true
	t.endTurnLocked()
}

func (t *webSocket) endTurnLocked() {
	if t.paid > 0 {
		t.connection.server.memory.Give(t.connection.addr, t.paid)
		t.paid = 0
	}
	batches.Put(t.held)
	t.held, t.batch = nil, nil
	t.busy = false
	if t.rested != nil {
		close(t.rested)
		t.rested = nil
	}
}

// rest waits until nobody writes. After close or cut that is soon.
func (t *webSocket) rest() {
	t.mu.Lock()
	if !t.busy {
		t.mu.Unlock()
		return
	}
	if t.rested == nil {
		t.rested = make(chan struct{})
	}
	rested := t.rested
	t.mu.Unlock()
	<-rested
}

func (t *webSocket) close(code int, text string) {
	t.mu.Lock()
	if t.closing {
		t.mu.Unlock()
		return
	}
	t.closing = true
	t.closeFrame = appendFrame(nil, opClose, websocket.FormatCloseMessage(code, text))
	t.signLocked()
	if !t.broken {
		wait := closeWait
		if t.connection.is(stateCutSoon) {
			wait = cutSoonWait
		}
		t.patient = time.AfterFunc(wait, t.cut)
	}
	t.mu.Unlock()
	t.flush()
}

// stop ends the connection and waits until nobody writes and nobody will.
func (t *webSocket) stop() {
	if !t.tryStop() {
		t.cut()
		t.rest()
		t.stream.finish()
	}
}

// tryStop ends the connection. It returns false when somebody writes still, or
// for ever.
func (t *webSocket) tryStop() bool {
	t.mu.Lock()
	t.broken = true
	busy := t.busy
	if t.patient != nil {
		t.patient.Stop()
	}
	t.mu.Unlock()
	if !busy {
		t.stream.finish()
	}
	return !busy
}

func (t *webSocket) cut() { t.stream.cut() }

func appendOutgoing(dst []byte, o outgoing) []byte {
	opcode := opText
	if o.ping {
		opcode = opPing
	}
	return appendFrame(dst, opcode, o.payload)
}
