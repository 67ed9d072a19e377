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
	// closeTimeout is how long a closed connection may take to send what is
	// queued and to receive the client's own close frame.
	closeTimeout = 3 * time.Second
	// shortCloseTimeout is the same when another client needs the socket, or
	// this client floods the server. The close frame and the end of the
	// connection reach the client all the same.
	shortCloseTimeout = 100 * time.Millisecond
)

// sendEvery is after how many frames of one read the effects are applied,
// because one read may bring more frames than replies fit into a queue.
const sendEvery = maxQueuedReplies / 4

// webSocket is the transport over a WebSocket (RFC 6455). The handshake is in
// handshake.go and upgrade.go, reading in frame.go and this file, writing in
// websocket_write.go.
type webSocket struct {
	// Static after construction.
	connection *connection
	stream     stream

	// Owned by the reader.
	frames      decoder
	frameMemory int        // bytes that were taken from the server's memory for frames
	early       []byte     // what the client sent before the response to its handshake; nil = nothing
	poller      *poller    // the poller that reads; nil = a goroutine of its own does
	socket      *rawStream // stream, for the poller
	slot        int32      // its number there
	detached    bool       // the poller's goroutine has become its reader

	lastActivity atomic.Int64 // since the server's start
	hasWaiters   atomic.Bool  // activitySignal is not nil

	mu             sync.Mutex    // guards the following
	writing        bool          // there is a writer: a goroutine in writeQueued
	lookAgain      bool          // the writer must look at the queue again before its turn ends
	closing        bool          // closeGracefully was called
	closeFrame     []byte        // to be sent after the queue; nil = none, or already sent
	pong           []byte        // answer to the newest ping, as a frame; nil = none
	broken         bool          // nothing can be written any more
	activitySignal chan struct{} // closed at the next activity; nil = nobody waits
	writerDone     chan struct{} // closed when the writer's turn ends; nil = nobody waits
	closeTimer     *time.Timer   // aborts the connection after closeGracefully; nil = none

	handshakeResponse []byte  // nil = already sent
	buffer            *[]byte // from batches; nil = none
	unwritten         []byte  // what the socket has not taken of buffer
	bufferMemory      int     // bytes that were taken from the server's memory for buffer
}

// closeError is why reading ends: the client closed, or violated RFC 6455.
type closeError struct {
	code     int // to close with
	byClient bool
}

func (e closeError) Error() string { return "close with " + strconv.Itoa(e.code) }

func (t *webSocket) kind() transportKind { return overWebSocket }

// run starts reading: by a poller, or else by a goroutine of its own, for
// example when the client did not wait for the response to its handshake.
func (t *webSocket) run() {
	server := t.connection.server
	if t.early != nil || !server.pollers.add(t) {
		server.running.Go(func() { t.readUntilEnd(nil) })
	}
}

// readUntilEnd reads in the caller's goroutine until the connection has ended,
// and tears the transport down. With an err, there is nothing more to read.
func (t *webSocket) readUntilEnd(err error) {
	if err == nil {
		err = t.readFrames()
	}
	var fx effects
	t.handleReadEnd(err, &fx)
	t.teardown(err)
}

// handleReadEnd closes the connection after err, the error that ended reading,
// and leaves everything that has to wait to teardown. It returns true when the
// client may still send.
func (t *webSocket) handleReadEnd(err error, fx *effects) (more bool) {
	c := t.connection
	t.frames.release()
	t.adjustFrameMemory() // gives everything back
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

// teardown ends the transport after handleReadEnd: it lets the close frame go
// out, reads until the client has answered it, waits for the writer and closes
// the stream.
func (t *webSocket) teardown(err error) {
	closed, isClose := errors.AsType[closeError](err)
	switch {
	case isClose && closed.byClient:
		t.waitWriter()
	case isClose || errors.Is(err, errFrameTooLarge):
		discard(t.stream)
	}
	if !t.tryTeardown() {
		t.abort()
		t.waitWriter()
		t.finishTeardown()
	}
}

// readFrames reads and handles what the client sends, until its end.
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
		if t.stream.pending() {
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

// handleFrames handles what one read has brought. What that queues is sent when
// the caller applies fx.
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
		begun := int(t.frames.begun) // the last fragment counts as the message
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
			if t.frames.inFrame { // count it when it is complete
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

// adjustFrameMemory takes memory for what has arrived of a message, or gives it
// back. It reports whether there is enough.
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

// prepareToBlock implements transport. It leaves the poller, which has others to
// serve.
func (t *webSocket) prepareToBlock() bool { return t.poller == nil || t.poller.detach(t) }

// replyPong answers a client's ping. Only the newest ping needs an answer (RFC
// 6455, section 5.5.3).
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

// signalActivityLocked wakes the goroutines that wait for activity. t.mu must be
// held.
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

// idleTimeout implements transport. It is two ping intervals, because the answer
// to the first ping may be late.
func (t *webSocket) idleTimeout(interval time.Duration) time.Duration { return 2 * interval }

func (t *webSocket) idleFor() time.Duration {
	return t.connection.server.uptime() - time.Duration(t.lastActivity.Load())
}
