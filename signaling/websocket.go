package signaling

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

const (
	// closeWait is how long a closed connection may take to send what is queued
	// and to hear the client's own close.
	closeTimeout = 3 * time.Second
	// cutSoonWait is so when another client waits for the socket, or this one
	// floods the server. The close frame and the end of the connection reach the
	// client all the same.
	cutSoonWait = 100 * time.Millisecond
)

// flushEvery is how many frames of one read are carried out before what they
// queued is sent: one read may bring more of them than replies have places.
const sendEvery = maxQueuedReplies / 4

// webSocket carries a connection over a WebSocket (RFC 6455). It is a transport.
// See handshake for how it opens, decoder for what comes and drain for what goes.
type webSocket struct {
	// Static after construction.
	connection *connection
	stream     stream

	// Owned by the reader.
	frames      decoder
	frameMemory int        // bytes that were taken from the server's memory for frames
	early       []byte     // what the client sent before it was answered; nil = nothing
	poller      *poller    // that is the reader; nil = a goroutine of its own is
	socket      *rawStream // stream, which the poller reads
	slot        int32      // the number there
	detached    bool       // the poller's goroutine has stayed with it

	lastActivity atomic.Int64 // since the server's start
	hasWaiters   atomic.Bool  // somebody waits on sign

	mu             sync.Mutex    // guards the following
	writing        bool          // somebody is in drain, or the writer runs
	lookAgain      bool          // look at the queue once more before resting
	closing        bool          // close was called
	closeFrame     []byte        // to be sent after the queue; nil = none, or sent
	pong           []byte        // answer to the newest ping, as a frame; nil = none
	broken         bool          // nothing can be written any more
	activitySignal chan struct{} // closed at the next sign of life; nil = nobody waits
	writerDone     chan struct{} // closed when busy ends; nil = nobody waits
	closeTimer     *time.Timer   // cuts a connection that was closed; nil = none

	// Owned by whoever is busy.
	handshakeResponse []byte  // to the handshake; nil = it went
	buffer            *[]byte // from batches
	unwritten         []byte  // what the socket has not taken of held
	bufferMemory      int     // bytes that were taken from the server's memory for held
}

// closeError is why reading ends: the client closed, or broke RFC 6455.
type closeError struct {
	code     int // to close with
	byClient bool
}

func (e closeError) Error() string { return "close with " + strconv.Itoa(e.code) }

func (t *webSocket) kind() transportKind { return overWebSocket }

// run begins to read: by a poller, or else by a goroutine of its own, as when
// the client did not wait for the answer to its handshake.
func (t *webSocket) run() {
	server := t.connection.server
	if t.early != nil || !server.pollers.add(t) {
		server.running.Go(func() { t.readUntilEnd(nil) })
	}
}

// readOn reads on a goroutine of its own until the connection has ended. With an
// error there is nothing more to read.
func (t *webSocket) readUntilEnd(err error) {
	if err == nil {
		err = t.readFrames()
	}
	var fx effects
	t.handleReadEnd(err, &fx)
	t.teardown(err)
}

// endReading does what follows from the error that reading ended with, but for
// what has to be waited for. It returns true when the client may still send.
func (t *webSocket) handleReadEnd(err error, fx *effects) (more bool) {
	c := t.connection
	t.frames.release()
	t.adjustFrameMemory() // there is nothing left
	closed, isClose := errors.AsType[closeError](err)
	switch {
	case isClose:
		c.close(closed.code, "", fx)
		more = !closed.byClient
	case errors.Is(err, errFrameTooLarge):
		c.closeTooLarge(fx)
		more = true
	default:
		t.abort()
		c.close(closeAbnormal, "", fx)
	}
	fx.apply()
	return more
}

// settle waits until nobody uses the connection, after endReading.
func (t *webSocket) teardown(err error) {
	closed, isClose := errors.AsType[closeError](err)
	switch {
	case isClose && closed.byClient:
		t.waitWriter()
	case isClose || errors.Is(err, errFrameTooLarge):
		discard(t.stream)
	}
	t.closeStream()
	t.release()
}

// ended is called last.
func (t *webSocket) release() {
	t.noteActivity() // nobody need wait any longer
	t.connection.server.removeConnection(t.connection)
}

// readFrames carries out what the client sends, until its end.
func (t *webSocket) readFrames() error {
	var fx effects
	if early := t.early; early != nil {
		t.early = nil
		err := t.handleFrames(early, &fx)
		fx.apply()
		if err != nil {
			return err
		}
	}
	for {
		buffer, err := t.stream.read()
		if err != nil {
			return err
		}
		if buffer.End > 0 {
			t.noteActivity()
		}
		full := buffer.End == len(buffer.Bytes)
		err = t.handleFrames(buffer.Unread(), &fx)
		fx.apply()
		buffer.Free()
		if t.stream.owes() {
			t.flush()
		}
		if err != nil {
			return err
		}
		if t.connection.shouldPause() && full {
			<-time.After(floodPause)
		}
	}
}

// takeFrames carries out what one read has brought. What that queues for
// anybody is sent when the caller flushes out.
func (t *webSocket) handleFrames(p []byte, fx *effects) error {
	for n := 1; len(p) > 0; n++ {
		if n%sendEvery == 0 {
			fx.apply()
		}
		opcode, payload, rest, err := t.frames.next(p)
		if errors.Is(err, errProtocol) {
			return closeError{code: closeProtocolError}
		}
		if err != nil {
			return err
		}
		p = rest
		begun := int(t.frames.begun) // the last fragment of a message is counted as the message
		t.frames.begun = 0
		switch opcode {
		case opText:
			t.connection.countUnanswered(begun-1, fx)
			t.connection.handle(payload, fx)
		case opBinary:
			t.connection.countUnanswered(begun, fx)
			t.connection.refuseBadFrame("the frame is a binary message", fx)
		case opPing:
			if t.connection.countUnanswered(begun, fx) {
				t.replyPong(payload)
			}
		default:
			if t.frames.inFrame { // it is counted when it has come
				begun--
				t.frames.begun = 1
			}
			t.connection.countUnanswered(begun, fx)
		}
		switch opcode {
		case opClose:
			code, ok := closeCode(payload)
			return closeError{code: code, byClient: ok}
		}
	}
	if !t.adjustFrameMemory() {
		t.connection.closeNoMemory(fx)
		return closeError{code: protocol.CloseTooSlow}
	}
	return nil
}

// countFrames takes memory for what has come of a message, or gives it back. It
// reports whether there was enough.
func (t *webSocket) adjustFrameMemory() bool {
	server, addr := t.connection.server, t.connection.addr
	needed := t.frames.memory()
	switch more := needed - t.frameMemory; {
	case more > 0:
		if !server.memory.Take(addr, more) {
			return false
		}
	case more < 0:
		server.memory.Give(addr, -more)
	}
	t.frameMemory = needed
	return true
}

// wait leaves the poller, which has others to serve.
func (t *webSocket) prepareToBlock() bool { return t.poller == nil || t.poller.detach(t) }

// gotPing answers a client's ping. Only the newest needs an answer (RFC 6455,
// section 5.5.3).
func (t *webSocket) replyPong(text []byte) {
	t.mu.Lock()
	t.pong = appendFrame(nil, opPong, text)
	t.mu.Unlock()
	t.flush()
}

func (t *webSocket) noteActivity() {
	t.lastActivity.Store(int64(t.connection.server.uptime()))
	if t.hasWaiters.Load() {
		t.mu.Lock()
		t.signalActivityLocked()
		t.mu.Unlock()
	}
}

// signLocked tells those who wait that they need not wait any longer.
func (t *webSocket) signalActivityLocked() {
	if t.activitySignal != nil {
		close(t.activitySignal)
		t.activitySignal = nil
	}
	t.hasWaiters.Store(false)
}

func (t *webSocket) activity() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.activitySignal == nil {
		t.activitySignal = make(chan struct{})
		t.hasWaiters.Store(true)
	}
	return t.activitySignal
}

// patience is for two pings: an answer to the first may be late.
func (t *webSocket) idleTimeout(interval time.Duration) time.Duration { return 2 * interval }

func (t *webSocket) idleFor() time.Duration {
	return t.connection.server.uptime() - time.Duration(t.lastActivity.Load())
}
