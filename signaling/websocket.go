package signaling

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// closeWait is how long a closed connection may take to send what is queued
// and to hear the client's own close.
const closeWait = 3 * time.Second

// flushEvery is how many frames of one read are carried out before what they
// queued is sent: one read may bring more of them than replies have places.
const flushEvery = replyPlaces / 4

// webSocket carries a connection over a WebSocket (RFC 6455). It is a transport.
// See handshake for how it opens, decoder for what comes and drain for what goes.
type webSocket struct {
	// Static after construction.
	connection *connection
	stream     stream

	// Owned by the reader.
	frames decoder
	early  []byte // what the client sent before it was answered; nil = nothing

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
	answer []byte  // to the handshake; nil = it went
	held   *[]byte // from batches
	batch  []byte  // what the socket has not taken of held
}

// closeError is why reading ends: the client closed, or broke RFC 6455.
type closeError struct {
	code     int // to close with
	byClient bool
}

func (e closeError) Error() string { return "close with " + strconv.Itoa(e.code) }

// name is the transport's.
func (t *webSocket) name() string { return "websocket" }

// read is the connection's goroutine.
func (t *webSocket) read() {
	c := t.connection
	defer c.server.forget(c)
	err := t.readFrames()
	t.frames.release()
	var out flushes
	closed, isClose := errors.AsType[closeError](err)
	switch {
	case isClose && closed.byClient:
		c.end(closed.code, "", &out)
		out.flush()
		t.rest()
	case errors.Is(err, errFrameTooLarge):
		c.tooLarge(&out)
		out.flush()
		discard(t.stream)
	case isClose:
		c.end(closed.code, "", &out)
		out.flush()
		discard(t.stream)
	default:
		t.cut()
		c.end(closeAbnormal, "", &out)
		out.flush()
	}
	t.stop()
	t.hear() // nobody need wait any longer
}

// readFrames carries out what the client sends, until its end.
func (t *webSocket) readFrames() error {
	if early := t.early; early != nil {
		t.early = nil
		if err := t.takeFrames(early); err != nil {
			return err
		}
	}
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

// takeFrames carries out what one read has brought, and then sends what that
// has queued for anybody.
func (t *webSocket) takeFrames(p []byte) error {
	var out flushes
	defer out.flush()
	for n := 1; len(p) > 0; n++ {
		if n%flushEvery == 0 {
			out.flush()
		}
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
			t.connection.handle(payload, &out)
		case opBinary:
			t.connection.refuse("the frame is a binary message", &out)
		case opPing:
			t.gotPing(payload)
		case opClose:
			code, ok := closeCode(payload)
			return closeError{code: code, byClient: ok}
		}
	}
	return nil
}

// gotPing answers a client's ping. Only the newest needs an answer (RFC 6455,
// section 5.5.3).
func (t *webSocket) gotPing(text []byte) {
	if !t.connection.allowControl() {
		return
	}
	t.mu.Lock()
	t.pong = appendFrame(nil, opPong, text)
	t.mu.Unlock()
	t.flush()
}

func (t *webSocket) hear() {
	t.lastHeard.Store(int64(t.connection.server.uptime()))
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

// patience is for two pings: an answer to the first may be late.
func (t *webSocket) patience(interval time.Duration) time.Duration { return 2 * interval }

func (t *webSocket) silence() time.Duration {
	return t.connection.server.uptime() - time.Duration(t.lastHeard.Load())
}
