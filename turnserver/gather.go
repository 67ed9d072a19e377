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

// maxHeld bounds what is kept of what TLS writes: all that waits for a client at
// once, with what TLS adds to small frames.
const maxHeld = 1 << 20

var errHeld = errors.New("the client does not read")

// gatheringConn is a connection below TLS.
type gatheringConn struct {
	net.Conn

	// Owned by the goroutine that reads.
	waiter  waiter
	arrived *streamBuffer // what TLS has not read; nil = nothing

	mu      sync.Mutex
	holding bool   // somebody is going to flush
	behind  func() // has somebody flush; nil = Write may wait
	held    []byte
	buffer  *streamBuffer // where held begins; nil = nothing is held
	socket  *socketWriter
}

// neverWait has Write never wait from now on, and so nobody who writes by TLS. behind is
// called when TLS has written something by itself, such as the answer to a key update,
// that nobody is about to flush. It returns false, and changes nothing, when the
// connection is no TCP socket.
func (c *gatheringConn) neverWait(behind func()) bool {
	socket := newSocketWriter(c.Conn)
	if socket == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.socket, c.behind = socket, behind
	return true
}

// Read gives TLS what has arrived.
func (c *gatheringConn) Read(p []byte) (int, error) {
	if c.forgotten() {
		c.behind()
	}
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

// Write writes, or keeps what is written: between hold and flush, and where it may
// never wait.
func (c *gatheringConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.holding && c.behind == nil {
		c.mu.Unlock() // TLS writes from one goroutine at a time
		return c.Conn.Write(p)
	}
	defer c.mu.Unlock()
	if len(c.held)+len(p) > maxHeld {
		return 0, errHeld
	}
	if c.buffer == nil {
		c.buffer = largeBuffers.Get().(*streamBuffer) //nolint:forcetypeassert // nothing else is put there
		c.held = c.buffer.bytes[:0]
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

// forgotten says whether something is kept that nobody is about to flush. Write cannot
// tell of it, because TLS calls that under a lock which who flushes may wait for; but what
// TLS writes by itself it writes while it reads, and then reads on.
func (c *gatheringConn) forgotten() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.holding && c.buffer != nil
}

// hold has Write keep what is written until flush, or until flushNow has written all.
func (c *gatheringConn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

// flush writes what was kept. What TLS writes meanwhile for the goroutine that
// reads, an answer to a key update say, comes behind it.
func (c *gatheringConn) flush() error {
	for {
		c.mu.Lock()
		held, buffer := c.held, c.buffer
		c.held, c.buffer = nil, nil
		c.holding = buffer != nil
		c.mu.Unlock()
		if buffer == nil {
			return nil
		}
		_, err := c.Conn.Write(held)
		buffer.free()
		if err != nil {
			return err // the connection is of no more use
		}
	}
}

// flushNow writes what goes at once, and says whether there is more: then flush has to
// follow.
func (c *gatheringConn) flushNow() (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.socket.write(c.held)
	c.held = c.held[:copy(c.held, c.held[n:])]
	if len(c.held) > 0 {
		return true
	}
	if c.buffer != nil {
		c.buffer.free()
	}
	c.holding, c.held, c.buffer = false, nil, nil
	return false
}
