package signaling

import (
	"encoding/binary"
	"runtime"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// batchSize is how many bytes of frames are written at once, when so many
// wait. A larger frame goes alone.
const batchSize = 16 << 10

// flush is the transport's: see drain.
func (t *webSocket) flush() {
	if !t.begin() {
		return
	}
	if t.socket.raw != nil && t.drain(t.writeNow) {
		return
	}
	// The socket takes no more now, or cannot be asked without waiting.
	t.session.server.running.Go(func() { t.drain(t.writeWaiting) })
	if t.socket.raw == nil {
		runtime.Gosched() // the writer starts before the queue fills
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

// drain moves frames from the session's queue to the socket until the queue is
// empty, and ends the caller's turn. It returns false, and the turn goes on,
// when write stopped short.
func (t *webSocket) drain(write func([]byte) (int, error)) bool {
	for {
		if len(t.batch) == 0 && !t.fill() {
			if t.finish() {
				return true
			}
			continue
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
func (t *webSocket) fill() bool {
	if t.held == nil {
		t.held = batches.get()
	}
	batch := t.session.take((*t.held)[:0], batchSize, appendOutgoing)
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
	*t.held, t.batch = batch, batch
	return len(batch) > 0
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
	batches.put(t.held)
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

// writeNow writes what the socket takes without waiting.
func (t *webSocket) writeNow(p []byte) (int, error) {
	return writeRaw(t.socket.raw, p)
}

// writeWaiting writes all of p. The connection's deadline, or its end, ends it.
func (t *webSocket) writeWaiting(p []byte) (int, error) {
	return t.socket.Conn.Write(p)
}

func (t *webSocket) close(code int, text string) {
	t.mu.Lock()
	if t.closing {
		t.mu.Unlock()
		return
	}
	t.closing = true
	t.closeFrame = appendFrame(nil, websocket.CloseMessage, websocket.FormatCloseMessage(code, text))
	t.signLocked()
	t.mu.Unlock()

	_ = t.socket.SetDeadline(time.Now().Add(closeWait)) // fails only when closed already
	t.flush()
}

// stop ends the connection and waits until nobody writes and nobody will.
func (t *webSocket) stop() {
	t.cut()
	t.mu.Lock()
	t.broken = true
	t.mu.Unlock()
	t.rest()
}

func (t *webSocket) cut() {
	_ = t.socket.Close() // fails only when closed already
}

func appendOutgoing(dst []byte, o outgoing) []byte {
	var opcode byte = websocket.TextMessage
	if o.kind == kindPing {
		opcode = websocket.PingMessage
	}
	return appendFrame(dst, opcode, o.payload)
}

// appendFrame appends one unfragmented, unmasked frame (RFC 6455, section 5.2).
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	dst = append(dst, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}

// pool keeps the buffers of batches that are not being written.
type pool struct{ free sync.Pool }

var batches pool //nolint:gochecknoglobals // a pool serves all connections of the process

func (p *pool) get() *[]byte {
	if b, ok := p.free.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, batchSize+1024)
	return &b
}

func (p *pool) put(b *[]byte) {
	if b != nil && cap(*b) <= 128<<10 {
		p.free.Put(b)
	}
}
