package signaling

import (
	"crypto/tls"
	"net"
	"time"

	"callbox/internal/rawio"
)

// stream is the byte stream below a WebSocket. One goroutine reads; whoever
// has the turn (see drain) seals and writes.
type stream interface {
	// read waits for bytes from the client and returns them, maybe none, in a
	// buffer that the caller frees.
	read() (*rawio.Buffer, error)
	// seal makes of the bytes in batch what is to be written for them, in a
	// buffer of the same pool. It does not block.
	seal(batch *[]byte) (*[]byte, error)
	// owes tells whether the stream has to say something of its own, which
	// seal will add.
	owes() bool
	// writeNow writes what the socket takes without waiting, maybe nothing.
	writeNow(sealed []byte) (int, error)
	// write writes all, unless the deadline or the end comes first.
	write(sealed []byte) (int, error)
	// finish ends the stream in good order, and frees what it has. Nobody else
	// may be reading or writing.
	finish()
	// cut ends the stream at once, and whoever waits in it. finish must follow.
	cut()
}

// newStream returns the stream for a connection after its upgrade.
func newStream(conn net.Conn) stream {
	if outer, ok := conn.(interface{ NetConn() net.Conn }); ok {
		// Whatever stands around TLS has let a request through, and is done.
		if secure, ok := outer.NetConn().(*tls.Conn); ok {
			conn = secure
		}
	}
	if secure, ok := conn.(*tls.Conn); ok {
		if below, ok := secure.NetConn().(*boundedConn); ok {
			below.webSocket = true
			return &tlsStream{conn: secure, below: below}
		}
	}
	if bounded, ok := conn.(*boundedConn); ok {
		return bounded.raw
	}
	if s := newRawStream(conn); s != nil {
		return s
	}
	return &plainStream{conn: conn}
}

// plainStream can only be read and written by waiting: a pipe, or TLS over
// somebody else's listener.
type plainStream struct{ conn net.Conn }

func (s *plainStream) read() (*rawio.Buffer, error) {
	b := rawio.NewBuffer()
	n, err := s.conn.Read(b.Bytes)
	if n == 0 && err != nil {
		b.Free()
		return nil, err
	}
	b.End = n
	return b, nil // an error beside bytes comes again
}

func (s *plainStream) seal(batch *[]byte) (*[]byte, error) { return batch, nil }
func (s *plainStream) owes() bool                          { return false }
func (s *plainStream) writeNow([]byte) (int, error)        { return 0, nil }
func (s *plainStream) write(p []byte) (int, error)         { return s.conn.Write(p) }
func (s *plainStream) finish()                             { s.cut() }
func (s *plainStream) cut()                                { _ = s.conn.Close() } // fails only when closed already

const (
	// batchSize is how many bytes of frames are written at once, when so many
	// wait. A larger frame goes alone.
	batchSize = 16 << 10
)

var (
	//nolint:gochecknoglobals // a pool serves all connections of the process
	batches = rawio.Pool{Size: batchSize + 1024, Max: 128 << 10}
	// Small ones alone, for each counts as what it could hold.
	//nolint:gochecknoglobals // as above
	messageBuffers = rawio.Pool{Size: 4 << 10, Max: 4 << 10}
)

// discardPause is how long discard waits after each full read, so that what
// nobody wants costs little.
const discardPause = time.Millisecond

// discard reads what the client still sends, until the stream ends.
func discard(s stream) {
	for {
		b, err := s.read()
		if err != nil {
			return // any end will do
		}
		full := b.End == len(b.Bytes)
		b.Free()
		if full {
			<-time.After(discardPause)
		}
	}
}
