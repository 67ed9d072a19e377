package signaling

import (
	"crypto/tls"
	"net"
	"time"

	"callbox/internal/rawio"
)

// stream is the byte stream below a WebSocket. One goroutine reads. The writer
// (see webSocket.beginTurn) seals and writes.
type stream interface {
	// read waits for bytes from the client. It returns them, possibly none, in a
	// buffer that the caller must free.
	read() (*rawio.Buffer, error)
	// seal turns the bytes in batch into what has to be written for them, in a
	// buffer of the same pool. It does not block.
	seal(batch *[]byte) (*[]byte, error)
	// pending reports whether the stream has data of its own to send, which seal
	// will add.
	pending() bool
	// writeNow writes what the socket takes without waiting, possibly nothing.
	writeNow(sealed []byte) (int, error)
	// write writes everything, unless the deadline or the end comes first.
	write(sealed []byte) (int, error)
	// close ends the stream in an orderly way and releases what it holds.
	// Nobody else may be reading or writing.
	close()
	// abort shuts the stream down at once, and wakes the goroutines that wait in
	// it. close must follow.
	abort()
}

// newStream returns the stream of a connection after its upgrade.
func newStream(conn net.Conn) stream {
	if outer, ok := conn.(interface{ NetConn() net.Conn }); ok {
		// A wrapper around TLS has passed the request on, and is not needed any more.
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

// plainStream is a connection that can only be read and written by waiting: a
// pipe, or TLS over a listener that is not this package's.
type plainStream struct{ conn net.Conn }

func (s *plainStream) read() (*rawio.Buffer, error) {
	b := rawio.NewBuffer()
	n, err := s.conn.Read(b.Bytes)
	if n == 0 && err != nil {
		b.Free()
		return nil, err
	}
	b.End = n
	return b, nil // an error that came with bytes is returned by the next read
}

func (s *plainStream) seal(batch *[]byte) (*[]byte, error) { return batch, nil }
func (s *plainStream) pending() bool                       { return false }
func (s *plainStream) writeNow([]byte) (int, error)        { return 0, nil }
func (s *plainStream) write(p []byte) (int, error)         { return s.conn.Write(p) }
func (s *plainStream) close()                              { s.abort() }
func (s *plainStream) abort()                              { _ = s.conn.Close() } // fails only when closed already

const (
	// batchSize is how many bytes of frames are written at once, if that many
	// wait. A larger frame is written alone.
	batchSize = 16 << 10
)

var (
	//nolint:gochecknoglobals // a pool serves all connections of the process
	batches = rawio.Pool{Size: batchSize + 1024, Max: 128 << 10}
	// Only small ones, as each counts with its capacity.
	//nolint:gochecknoglobals // as above
	messageBuffers = rawio.Pool{Size: 4 << 10, Max: 4 << 10}
)

// discardPause is how long discard waits after each full read, so that data that
// nobody reads costs little.
const discardPause = time.Millisecond

// discard reads and drops what the client still sends, until the stream ends.
func discard(s stream) {
	for {
		b, err := s.read()
		if err != nil {
			return // however it ended
		}
		full := b.End == len(b.Bytes)
		b.Free()
		if full {
			<-time.After(discardPause)
		}
	}
}
