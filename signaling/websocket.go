package signaling

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// closeWait is how long a closed connection may take to send what is queued
// and to hear the client's own close.
const closeWait = 3 * time.Second

// webSocket carries a session over a WebSocket (RFC 6455). It is a transport.
// Gorilla makes the handshake; all else is our own: see decoder and drain.
type webSocket struct {
	// Static after construction.
	session *session
	stream  stream

	frames decoder // owned by the reader

	lastHeard atomic.Int64 // since the server's start
	awaited   atomic.Bool  // somebody waits on sign

	mu         sync.Mutex    // guards the following
	busy       bool          // somebody is in drain, or the writer runs
	again      bool          // look at the queue once more before resting
	closing    bool          // close was called
	closeFrame []byte        // to be sent after the queue; nil = none, or sent
	pong       []byte        // answer to the newest ping, as a frame; nil = none
	broken     bool          // nothing can be written any more
	sign       chan struct{} // closed at the next sign of life; nil = nobody waits
	rested     chan struct{} // closed when busy ends; nil = nobody waits

	// Owned by whoever is busy.
	held  *[]byte // from batches
	batch []byte  // what the socket has not taken of held
}

// closeError is why reading ends: the client closed, or broke RFC 6455.
type closeError struct {
	code     int // to close with
	byClient bool
}

func (e closeError) Error() string { return "close with " + strconv.Itoa(e.code) }

// read is the connection's goroutine.
func (t *webSocket) read() {
	defer t.session.server.forget(t.session)
	err := t.readFrames()
	t.frames.release()
	closed, isClose := errors.AsType[closeError](err)
	switch {
	case isClose && closed.byClient:
		t.session.end(closed.code, "", protocol.ReasonTimeout)
		t.rest()
	case errors.Is(err, errFrameTooLarge):
		t.session.tooLarge()
		discard(t.stream)
	case isClose:
		t.session.end(closed.code, "", protocol.ReasonKicked)
		discard(t.stream)
	default:
		t.cut()
		t.session.end(closeAbnormal, "", protocol.ReasonTimeout)
	}
	t.stop()
	t.session.vacate(protocol.ReasonTimeout) // a join may have been under way when the session ended
	t.hear()                                 // nobody need wait any longer
}

// readFrames carries out what the client sends, until its end.
func (t *webSocket) readFrames() error {
	for {
		buffer, err := t.stream.read()
		if err != nil {
			return err
		}
		if buffer.n > 0 {
			t.hear()
		}
		err = t.takeFrames(buffer.bytes[:buffer.n])
		readBuffers.put(buffer)
		if t.stream.owes() {
			t.flush()
		}
		if err != nil {
			return err
		}
	}
}

// takeFrames carries out what one read has brought.
func (t *webSocket) takeFrames(p []byte) error {
	for len(p) > 0 {
		opcode, payload, rest, err := t.frames.next(p)
		if errors.Is(err, errProtocol) {
			return closeError{code: closeProtocolError}
		}
		if err != nil {
			return err
		}
		p = rest
		switch opcode {
		case opText:
			t.session.handle(payload)
		case opBinary:
			t.session.refuse("the frame is a binary message")
		case opPing:
			t.gotPing(payload)
		case opPong:
			t.gotPong(payload)
		case opClose:
			code, ok := closeCode(payload)
			return closeError{code: code, byClient: ok}
		}
	}
	return nil
}

// tooLarge ends a session whose client sent a frame beyond the limit.
func (s *session) tooLarge() {
	limit := strconv.Itoa(s.server.config.Limits.FrameBytes)
	s.reply(protocol.Error{Code: protocol.CodeTooLarge, Message: "a frame may have " + limit + " bytes"})
	s.end(protocol.CloseTooLarge, "frame too large", protocol.ReasonTimeout)
}

// gotPong takes a pong, whose text is the seq that our ping carried.
func (t *webSocket) gotPong(text []byte) {
	if seq, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		t.session.confirm(seq)
	}
}

// gotPing answers a client's ping. Only the newest needs an answer (RFC 6455,
// section 5.5.3).
func (t *webSocket) gotPing(text []byte) {
	if !t.session.allowControl() {
		return
	}
	t.mu.Lock()
	t.pong = appendFrame(nil, opPong, text)
	t.mu.Unlock()
	t.flush()
}

func (t *webSocket) hear() {
	t.lastHeard.Store(int64(t.session.server.uptime()))
	if t.awaited.Load() {
		t.mu.Lock()
		t.signLocked()
		t.mu.Unlock()
	}
}

// signLocked tells those who wait that they need not wait any longer.
func (t *webSocket) signLocked() {
	if t.sign != nil {
		close(t.sign)
		t.sign = nil
	}
	t.awaited.Store(false)
}

func (t *webSocket) heard() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sign == nil {
		t.sign = make(chan struct{})
		t.awaited.Store(true)
	}
	return t.sign
}

func (t *webSocket) silence() time.Duration {
	return t.session.server.uptime() - time.Duration(t.lastHeard.Load())
}
