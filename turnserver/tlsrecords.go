package turnserver

import (
	"net"

	"callbox/internal/rawio"
	"callbox/turnserver/wire"
)

// NewListener wraps a listener of TCP connections for TURN over TLS: hand the
// result to tls.NewListener, and that to Config.Listeners. The connections then
// read and write many TLS records with one system call. Connections that are not
// sockets of the operating system are passed on as they are. TURN over TLS works
// without it, at a higher cost.
func NewListener(inner net.Listener) net.Listener { return recordListener{inner} }

type recordListener struct{ net.Listener }

func (l recordListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if socket := rawio.NewSocket(conn); socket != nil {
		return newRecordConn(socket), nil
	}
	return conn, nil
}

// maxHeldRecords bounds what is held, in bytes, of what TLS writes: all that waits for a
// client at once, with what TLS adds to small frames.
const maxHeldRecords = 1 << 20

// heldRecords are lent to connections for what TLS writes.
var heldRecords = rawio.Pool{Size: largeBuffer, Max: 2 * largeBuffer} //nolint:gochecknoglobals // a pool serves all connections of the process

// recordConn is a connection below TLS. From neverWait on nobody who writes by TLS waits:
// what TLS writes is held until writeRecords or writeRecordsNow sends it. Reads wait.
type recordConn struct {
	rawio.RecordConn
	// notify has somebody send what TLS has written by itself, such as the answer to a
	// key update; nil = Write writes through. It is set before anybody reads frames.
	notify func()
}

func newRecordConn(socket *rawio.Socket) *recordConn {
	return &recordConn{RecordConn: rawio.NewRecordConn(socket, &heldRecords, maxHeldRecords)}
}

func (c *recordConn) neverWait(notify func()) { c.notify = notify }

// Read gives TLS what has arrived. Write cannot notify anybody, because TLS calls it under
// a lock that whoever sends may wait for; but what TLS writes by itself it writes while it
// reads, and then it reads on.
func (c *recordConn) Read(p []byte) (int, error) {
	if c.notify != nil && c.Pending() {
		c.notify()
	}
	if c.Arrived == nil {
		var err error
		if c.Arrived, err = c.ReadBuffer(nil); err != nil {
			return 0, err
		}
	}
	return c.ReadArrived(p), nil
}

// Write holds what TLS writes, or writes it during the handshake.
func (c *recordConn) Write(p []byte) (int, error) {
	if c.notify != nil {
		return c.Hold(p)
	}
	return c.Conn.Write(p)
}

// flush writes what is held, and waits for the client. What TLS writes meanwhile for the
// goroutine that reads comes behind it.
func (c *recordConn) flush() error {
	for held := c.TakeHeld(); held != nil; held = c.TakeHeld() {
		_, err := c.Conn.Write(*held)
		heldRecords.Put(held)
		if err != nil {
			return err // the connection is of no more use
		}
	}
	return nil
}

// writeRecords writes what is held below TLS, and then the frames in p.
func (s *stream) writeRecords(p []byte) error {
	if s.below == nil {
		_, err := s.seal(p)
		return err
	}
	err := s.below.flush()
	if err == nil {
		s.below.Cork()
		_, err = s.seal(p)
	}
	if err != nil {
		return err
	}
	return s.below.flush()
}

// writeRecordsNow writes the frames in p as far as that goes without waiting. It returns
// how many bytes TLS has sealed; more reports that some of those have still to be flushed.
func (s *stream) writeRecordsNow(p []byte) (sealed int, more bool) {
	s.below.Cork()
	sealed, _ = s.seal(p) // the next write returns the error again
	return sealed, s.below.TryFlush()
}

// seal gives TLS each of the frames in p as a record of its own: there are clients
// that take a record for a message. It returns how many bytes of p that were.
func (s *stream) seal(p []byte) (sealed int, err error) {
	for len(p)-sealed >= wire.ChannelHeaderLen {
		length, padding, ok := wire.FrameLength([4]byte(p[sealed:]))
		if !ok {
			return sealed, errFraming
		}
		padded := length + padding
		if _, err := s.Write(p[sealed : sealed+padded]); err != nil {
			return sealed, err
		}
		sealed += padded
	}
	return sealed, nil
}
