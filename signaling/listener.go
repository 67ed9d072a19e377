package signaling

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"callbox/internal/rawio"
)

// maxUnsent bounds what is held, in bytes, of what TLS writes: a batch of frames, and
// records of its own for a client that reads nothing.
const maxUnsent = 256 << 10

// unackedWait is how long sent data may stay unacknowledged, or the client's window
// closed, until the system ends the connection (RFC 5482). Without it, a stream of events
// to a client that has vanished would last a quarter of an hour.
const unackedWait = 30 * time.Second

// NewListener wraps a listener of TCP connections for this package's handlers. With TLS,
// pass the result to tls.NewListener or http.Server.ServeTLS: then writes to a WebSocket
// never wait, and an idle one costs no second goroutine and no buffer. On Linux,
// connections whose client acknowledges nothing for 30 s end. Otherwise HTTP is not
// affected. Connections that are not sockets of the operating system are passed on as they
// are. Once a handler of this package has a connection, nobody else may close it.
func NewListener(inner net.Listener) net.Listener {
	return listener{Listener: inner, bound: boundAccepted(inner)}
}

type listener struct {
	net.Listener
	bound bool // its connections inherit unackedWait from it
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
	return &boundedConn{RecordConn: rawio.NewRecordConn(raw.Socket, &batches, maxUnsent), raw: raw}, nil
}

// boundedConn is the connection below TLS. HTTP reads and writes through it. For a
// WebSocket neither waits: TLS finds in it what the tlsStream has read before, and what
// TLS writes is held, bounded, until the tlsStream takes it.
type boundedConn struct {
	rawio.RecordConn
	raw       *rawStream // the same socket
	webSocket bool       // static once the reader of the WebSocket runs
}

var errNothingYet error = nothingYetError{}

// nothingYetError is an error that crypto/tls treats as temporary.
type nothingYetError struct{}

func (nothingYetError) Error() string   { return "nothing to read yet" }
func (nothingYetError) Timeout() bool   { return true }
func (nothingYetError) Temporary() bool { return true }

// NetConn returns the connection below, for those who count connections.
func (c *boundedConn) NetConn() net.Conn { return c.Conn }

// Read gives TLS, or HTTP, what has arrived.
func (c *boundedConn) Read(p []byte) (int, error) {
	switch {
	case c.Arrived != nil:
		return c.ReadArrived(p), nil
	case c.webSocket:
		return 0, errNothingYet
	default:
		return c.Conn.Read(p)
	}
}

// Write keeps what TLS writes for a WebSocket until TakeHeld takes it.
func (c *boundedConn) Write(p []byte) (int, error) {
	if c.webSocket {
		return c.Hold(p)
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline has an effect only while HTTP is served. Held data needs no deadline,
// but crypto/tls sets one before it sends close_notify.
func (c *boundedConn) SetWriteDeadline(deadline time.Time) error {
	if c.webSocket {
		return nil
	}
	return c.Conn.SetWriteDeadline(deadline)
}

// CloseWrite is for HTTP, which closes for writing first so that the client still receives
// the response.
func (c *boundedConn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return errors.ErrUnsupported
}

// tlsStream is TLS over a boundedConn.
type tlsStream struct {
	conn  *tls.Conn
	below *boundedConn
}

func (s *tlsStream) read() (*rawio.Buffer, error) {
	for {
		b := rawio.NewBuffer()
		var err error
		for b.End < len(b.Bytes) && err == nil {
			var n int
			n, err = s.conn.Read(b.Bytes[b.End:])
			b.End += n
		}
		if b.End > 0 || s.pending() {
			return b, nil // the next read returns other errors than errNothingYet again
		}
		b.Free()
		if !errors.Is(err, errNothingYet) {
			return nil, err
		}
		if s.below.Arrived, err = s.below.raw.read(); err != nil {
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
	sealed := s.below.TakeHeld()
	if sealed == nil {
		return batch, nil
	}
	batches.Put(batch)
	return sealed, nil
}

func (s *tlsStream) pending() bool                  { return s.below.Pending() }
func (s *tlsStream) writeNow(p []byte) (int, error) { return s.below.TryWrite(p) }
func (s *tlsStream) write(p []byte) (int, error)    { return s.below.raw.write(p) }

// close sends close_notify, which tells the client that nobody has truncated the stream.
func (s *tlsStream) close() {
	if s.conn.CloseWrite() == nil {
		if b := s.below.TakeHeld(); b != nil {
			_, _ = s.writeNow(*b) // the connection ends in any case
			batches.Put(b)
		}
	}
	s.below.raw.close()
}

func (s *tlsStream) abort() { s.below.raw.abort() }
