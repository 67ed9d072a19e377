package signaling

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

const (
	// closeWait is how long a closed connection may take to send what is
	// queued and to hear the client's own close.
	closeWait = 3 * time.Second
	// readBuffer holds most frames whole, so that each costs one read.
	readBuffer = 4096

	closeProtocolError = 1002 // RFC 6455, section 7.4.1
)

// webSocket carries a session over a WebSocket (RFC 6455). It is a transport.
// Reading is gorilla's; writing is our own, see drain.
type webSocket struct {
	// Static after construction.
	session *session
	socket  *socket
	frames  *websocket.Conn // for reading only, by the reader

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
	batch []byte // what the socket has not taken of the frames taken from the queue
	held  *[]byte
}

// socket is the connection as gorilla sees it. After the upgrade gorilla only
// reads from it; the close frames that it writes at a client's faults are kept
// from the wire, for they could fall into the middle of a frame of ours.
type socket struct {
	net.Conn
	transport *webSocket
	raw       syscall.RawConn // nil = cannot be written without blocking
	upgraded  bool
	fault     int // close code of gorilla's close frame; owned by the reader
}

func newSocket(conn net.Conn, t *webSocket) *socket {
	return &socket{Conn: conn, transport: t, raw: rawConn(conn)}
}

// Read notes each sign of life.
func (c *socket) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.upgraded {
		c.transport.hear()
	}
	return n, err
}

// Write takes gorilla's close frame away after the upgrade.
func (c *socket) Write(p []byte) (int, error) {
	if !c.upgraded {
		return c.Conn.Write(p)
	}
	if len(p) >= 4 && p[0]&0xf == websocket.CloseMessage {
		c.fault = int(binary.BigEndian.Uint16(p[2:]))
	}
	return len(p), nil
}

// SetWriteDeadline is for our own writes only, which use Conn.
func (c *socket) SetWriteDeadline(deadline time.Time) error {
	if c.upgraded {
		return nil
	}
	return c.Conn.SetWriteDeadline(deadline)
}

// read is the connection's goroutine.
func (t *webSocket) read() {
	defer t.session.server.forget(t.session)
	err := t.readFrames()
	clientClosed, isClose := errors.AsType[*websocket.CloseError](err)
	switch {
	case isClose && clientClosed.Code != websocket.CloseAbnormalClosure:
		code := clientClosed.Code
		if code == websocket.CloseNoStatusReceived {
			code = websocket.CloseNormalClosure
		}
		t.session.end(code, "", protocol.ReasonTimeout)
		t.rest()
	case errors.Is(err, websocket.ErrReadLimit):
		t.session.tooLarge()
		t.discard()
	case t.socket.fault != 0:
		t.session.end(t.socket.fault, "", protocol.ReasonKicked)
		t.discard()
	default:
		t.cut()
		t.session.end(closeAbnormal, "", protocol.ReasonTimeout)
	}
	t.stop()
	t.session.vacate(protocol.ReasonTimeout) // a join may have been under way when the session ended
	t.hear()                                 // nobody need wait any longer
}

func (t *webSocket) readFrames() error {
	for {
		kind, r, err := t.frames.NextReader()
		if err != nil {
			return err
		}
		if kind != websocket.TextMessage {
			t.session.refuse("the frame is a binary message")
			continue
		}
		buffer := frameBuffers.get()
		_, err = buffer.ReadFrom(r)
		if err == nil {
			t.session.handle(buffer.Bytes())
		}
		frameBuffers.put(buffer)
		if err != nil {
			return err
		}
	}
}

// discard reads what the client still sends, so that the close frame is not
// lost in a connection reset, until it closes or closeWait is over.
func (t *webSocket) discard() {
	_, _ = io.Copy(io.Discard, t.socket.Conn) // any end will do
}

// tooLarge ends a session whose client sent a frame beyond the limit.
func (s *session) tooLarge() {
	limit := strconv.Itoa(s.server.config.Limits.FrameBytes)
	s.reply(protocol.Error{Code: protocol.CodeTooLarge, Message: "a frame may have " + limit + " bytes"})
	s.end(protocol.CloseTooLarge, "frame too large", protocol.ReasonTimeout)
}

// gotPong takes a pong, whose text is the seq that our ping carried.
func (t *webSocket) gotPong(text string) error {
	if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
		t.session.confirm(seq)
	}
	return nil
}

// gotPing answers a client's ping. Only the newest needs an answer (RFC 6455,
// section 5.5.3).
func (t *webSocket) gotPing(text string) error {
	if !t.session.allowControl() {
		return nil
	}
	t.mu.Lock()
	t.pong = appendFrame(nil, websocket.PongMessage, []byte(text))
	t.mu.Unlock()
	t.flush()
	return nil
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

// buffers is a pool of buffers for frames from clients.
type buffers struct{ pool sync.Pool }

var frameBuffers buffers //nolint:gochecknoglobals // a pool serves all connections of the process

func (b *buffers) get() *bytes.Buffer {
	if buffer, ok := b.pool.Get().(*bytes.Buffer); ok {
		return buffer
	}
	return new(bytes.Buffer)
}

func (b *buffers) put(buffer *bytes.Buffer) {
	if buffer.Cap() > 128<<10 {
		return
	}
	buffer.Reset()
	b.pool.Put(buffer)
}
