package signaling

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// maxUnsent bounds what TLS may add to what is written: records of its own
// for a client that reads nothing.
const maxUnsent = 256 << 10

// unackedWait is how long a client may leave data without acknowledgement, or
// take none, until the system ends the connection (RFC 5482). Otherwise a
// stream of events to a client that vanished would last a quarter of an hour.
const unackedWait = 30 * time.Second

// NewListener wraps a listener of TCP connections for this package's handlers.
// With TLS, hand the result to tls.NewListener or http.Server.ServeTLS: a
// WebSocket is then written without waiting, and costs no second goroutine and
// no buffer while it is idle. On Linux, connections whose client acknowledges
// nothing for 30 s end. HTTP is otherwise as without. Connections that are no
// sockets of the system are passed on as they are. Once a handler of
// this package has a connection, nobody else may close it.
func NewListener(inner net.Listener) net.Listener {
	return listener{Listener: inner, bound: boundAccepted(inner)}
}

type listener struct {
	net.Listener
	bound bool // its connections have unackedWait from it
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	raw := newRawStream(conn)
	if raw == nil {
		return conn, nil
	}
	if !l.bound {
		boundUnacked(conn)
	}
	return &boundedConn{Conn: conn, raw: raw}, nil
}

// boundedConn is the connection below TLS. Once a WebSocket has taken it,
// TLS finds in it what a tlsStream has read before, and what TLS writes waits
// in it, bounded, for the tlsStream to take.
type boundedConn struct {
	net.Conn
	raw *rawStream

	taken bool // by a WebSocket; static once its reader runs

	// Owned by the reader.
	arrived *readBuffer // nil = all has been read
	offset  int         // of what TLS or HTTP has not read

	mu     sync.Mutex // guards the following
	unsent *[]byte    // from batches; nil = nothing
}

var (
	errNothingYet error = nothingYetError{}
	errUnsent           = errors.New("the client does not read")
)

// nothingYetError is an error that TLS takes for temporary.
type nothingYetError struct{}

func (nothingYetError) Error() string   { return "nothing to read yet" }
func (nothingYetError) Timeout() bool   { return true }
func (nothingYetError) Temporary() bool { return true }

func (c *boundedConn) take() { c.taken = true }

// NetConn returns the connection below, for whoever counts those.
func (c *boundedConn) NetConn() net.Conn { return c.Conn }

// Read gives TLS, or HTTP, what has arrived.
func (c *boundedConn) Read(p []byte) (int, error) {
	b := c.arrived
	if b == nil {
		if c.taken {
			return 0, errNothingYet
		}
		return c.Conn.Read(p)
	}
	n := copy(p, b.bytes[c.offset:b.n])
	c.offset += n
	if c.offset == b.n {
		c.dropArrived()
	}
	return n, nil
}

func (c *boundedConn) dropArrived() {
	readBuffers.put(c.arrived)
	c.arrived, c.offset = nil, 0
}

// wait waits until something arrives.
func (c *boundedConn) wait() (err error) {
	c.arrived, err = c.raw.read()
	return err
}

// Write keeps what TLS writes until sent takes it.
func (c *boundedConn) Write(p []byte) (int, error) {
	if !c.taken {
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsent == nil {
		c.unsent = batches.get()
	}
	if len(*c.unsent) >= maxUnsent {
		return 0, errUnsent
	}
	*c.unsent = append(*c.unsent, p...)
	return len(p), nil
}

// SetWriteDeadline is for HTTP: what is kept needs none, and TLS sets one when
// it says that it ends.
func (c *boundedConn) SetWriteDeadline(deadline time.Time) error {
	if c.taken {
		return nil
	}
	return c.Conn.SetWriteDeadline(deadline)
}

// CloseWrite is for HTTP, which ends a response early so that it arrives.
func (c *boundedConn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return errors.ErrUnsupported
}

// sealed takes what TLS has written, or nil.
func (c *boundedConn) sealed() *[]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.unsent
	c.unsent = nil
	return b
}

// tlsStream is TLS over a boundedConn.
type tlsStream struct {
	conn  *tls.Conn
	below *boundedConn
}

func (s *tlsStream) read() (*readBuffer, error) {
	for {
		b := readBuffers.get()
		var err error
		for b.n < len(b.bytes) && err == nil {
			var n int
			n, err = s.conn.Read(b.bytes[b.n:])
			b.n += n
		}
		if b.n > 0 || s.owes() {
			return b, nil // another error than errNothingYet comes again
		}
		readBuffers.put(b)
		if !errors.Is(err, errNothingYet) {
			return nil, err
		}
		if err := s.below.wait(); err != nil {
			return nil, err
		}
	}
}

func (s *tlsStream) seal(batch *[]byte) (*[]byte, error) {
	if len(*batch) > 0 {
		if _, err := s.conn.Write(*batch); err != nil {
			return batch, err
		}
	}
	sealed := s.below.sealed()
	if sealed == nil {
		return batch, nil
	}
	batches.put(batch)
	return sealed, nil
}

func (s *tlsStream) owes() bool {
	s.below.mu.Lock()
	defer s.below.mu.Unlock()
	return s.below.unsent != nil
}

func (s *tlsStream) writeNow(p []byte) (int, error) { return s.below.raw.writeNow(p) }
func (s *tlsStream) write(p []byte) (int, error)    { return s.below.raw.write(p) }

// finish tells the client that this is the end and no attack.
func (s *tlsStream) finish() {
	if s.conn.CloseWrite() == nil {
		if b := s.below.sealed(); b != nil {
			_, _ = s.writeNow(*b) // the end comes anyway
			batches.put(b)
		}
	}
	s.below.raw.finish()
}

func (s *tlsStream) cut() { s.below.raw.cut() }
