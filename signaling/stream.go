package signaling

import (
	"crypto/tls"
	"net"
	"sync"
)

// stream is the byte stream below a WebSocket. One goroutine reads; whoever
// has the turn (see drain) seals and writes.
type stream interface {
	// read waits for bytes from the client and returns them, maybe none, in a
	// buffer that the caller gives back to readBuffers.
	read() (*readBuffer, error)
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
			below.take()
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

func (s *plainStream) read() (*readBuffer, error) {
	b := readBuffers.get()
	n, err := s.conn.Read(b.bytes[:])
	if n == 0 && err != nil {
		readBuffers.put(b)
		return nil, err
	}
	b.n = n
	return b, nil // an error beside bytes comes again
}

func (s *plainStream) seal(batch *[]byte) (*[]byte, error) { return batch, nil }
func (s *plainStream) owes() bool                          { return false }
func (s *plainStream) writeNow([]byte) (int, error)        { return 0, nil }
func (s *plainStream) write(p []byte) (int, error)         { return s.conn.Write(p) }
func (s *plainStream) finish()                             { s.cut() }
func (s *plainStream) cut()                                { _ = s.conn.Close() } // fails only when closed already

// readBuffer is what one read brings. It holds many frames, so that they are
// handled together, and answered together.
type readBuffer struct {
	n     int // bytes that are there
	bytes [16 << 10]byte
}

type readBufferPool struct{ free sync.Pool }

var readBuffers readBufferPool //nolint:gochecknoglobals // a pool serves all connections of the process

func (p *readBufferPool) get() *readBuffer {
	if b, ok := p.free.Get().(*readBuffer); ok {
		return b
	}
	return new(readBuffer)
}

func (p *readBufferPool) put(b *readBuffer) {
	b.n = 0
	p.free.Put(b)
}

// pool keeps byte slices that nobody uses, for all connections.
type pool struct {
	free sync.Pool
	size int // capacity of a new one
	most int // capacity of the largest that is kept
}

const (
	// batchSize is how many bytes of frames are written at once, when so many
	// wait. A larger frame goes alone.
	batchSize = 16 << 10
)

var (
	//nolint:gochecknoglobals // a pool serves all connections of the process
	batches = pool{size: batchSize + 1024, most: 128 << 10}
	// Small ones alone, for each counts as what it could hold.
	//nolint:gochecknoglobals // as above
	heldBuffers = pool{size: 4 << 10, most: 4 << 10}
)

func (p *pool) get() *[]byte {
	if b, ok := p.free.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, p.size)
	return &b
}

func (p *pool) put(b *[]byte) {
	if b != nil && cap(*b) <= p.most {
		*b = (*b)[:0]
		p.free.Put(b)
	}
}

// discard reads what the client still sends, until the stream ends.
func discard(s stream) {
	for {
		b, err := s.read()
		if err != nil {
			return // any end will do
		}
		readBuffers.put(b)
	}
}
