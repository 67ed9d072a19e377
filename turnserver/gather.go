package turnserver

import (
	"errors"
	"net"
	"sync"
)

// NewListener wraps a listener of TCP connections for TURN over TLS: hand the
// result to tls.NewListener, and that to Config.Listeners. The connections then
// read and write many TLS records with one call of the system. TURN over TLS
// works without it, at a higher cost.
func NewListener(inner net.Listener) net.Listener { return gatheringListener{inner} }

type gatheringListener struct{ net.Listener }

func (l gatheringListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatheringConn{Conn: conn, waiter: newWaiter(conn)}, nil
}

const (
	// maxHeld bounds what is kept of what TLS writes: all that waits for a
	// client at once, with what TLS adds to small frames.
	maxHeld = 1 << 20
	// keptBytes is how large a buffer may be that is kept for the next time.
	keptBytes = 16 << 10
)

var errHeld = errors.New("the client does not read")

// gatheringConn is a connection below TLS.
type gatheringConn struct {
	net.Conn

	// Owned by the goroutine that reads.
	waiter  waiter
	arrived *streamBuffer // what TLS has not read; nil = nothing

	mu          sync.Mutex
	holding     bool
	held, spare []byte
}

// Read gives TLS what has arrived.
func (c *gatheringConn) Read(p []byte) (int, error) {
	if c.arrived == nil {
		var err error
		if c.arrived, err = c.waiter.read(nil); err != nil {
			return 0, err
		}
	}
	b := c.arrived
	n := copy(p, b.bytes[b.start:b.end])
	if b.start += n; b.start == b.end {
		b.free()
		c.arrived = nil
	}
	return n, nil
}

// Write writes, or keeps between hold and flush what is written.
func (c *gatheringConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.holding {
		c.mu.Unlock() // TLS writes from one goroutine at a time
		return c.Conn.Write(p)
	}
	defer c.mu.Unlock()
	if len(c.held)+len(p) > maxHeld {
		return 0, errHeld
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

// hold has Write keep what is written until flush, which the same goroutine
// calls.
func (c *gatheringConn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding, c.held, c.spare = true, c.spare, nil
}

// flush writes what was kept. What TLS writes meanwhile for the goroutine that
// reads, an answer to a key update say, comes behind it.
func (c *gatheringConn) flush() error {
	for {
		c.mu.Lock()
		held := c.held
		if c.held = nil; len(held) == 0 {
			c.holding = false
		}
		c.mu.Unlock()
		if len(held) == 0 {
			return nil
		}
		if _, err := c.Conn.Write(held); err != nil {
			return err // the connection is of no more use
		}
		if cap(held) <= keptBytes {
			c.mu.Lock()
			c.spare = held[:0]
			c.mu.Unlock()
		}
	}
}
