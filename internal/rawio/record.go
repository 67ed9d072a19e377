package rawio

import (
	"errors"
	"sync"
)

// errHeldFull is the error that TLS gets, and ends with, when its client takes nothing.
var errHeldFull = errors.New("the client does not read")

// RecordConn is the socket below a tls.Conn. Both servers build theirs on it, and decide
// in Read and Write when TLS waits, and when it reads and writes through.
type RecordConn struct {
	*Socket

	// Arrived is what TLS has not read; nil = nothing. It belongs to the goroutine that
	// reads.
	Arrived *Buffer

	pool  *Pool
	limit int

	mu     sync.Mutex
	held   *[]byte // of pool; nil = nothing
	corked bool    // somebody is going to send what is held
}

// NewRecordConn returns a RecordConn that holds up to limit bytes of what TLS writes, in
// slices of pool.
func NewRecordConn(socket *Socket, pool *Pool, limit int) RecordConn {
	return RecordConn{Socket: socket, pool: pool, limit: limit}
}

// ReadArrived reads from what has arrived, which must not be nil.
func (c *RecordConn) ReadArrived(p []byte) int {
	n := copy(p, c.Arrived.Unread())
	if c.Arrived.Start += n; c.Arrived.Start == c.Arrived.End {
		c.DropArrived()
	}
	return n
}

// DropArrived gives the buffer of what has arrived back.
func (c *RecordConn) DropArrived() {
	c.Arrived.Free()
	c.Arrived = nil
}

// Hold keeps what TLS writes.
func (c *RecordConn) Hold(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = c.pool.Get()
	}
	if len(*c.held)+len(p) > c.limit {
		return 0, errHeldFull
	}
	*c.held = append(*c.held, p...)
	return len(p), nil
}

// Cork notes that the caller is going to send what is held, until TryFlush reports that
// all is sent or TakeHeld returns nil.
func (c *RecordConn) Cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = true
}

// Pending reports whether something is held that nobody is going to send: TLS writes by
// itself, to answer a key update for example, while it reads.
func (c *RecordConn) Pending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held != nil && !c.corked
}

// TakeHeld returns what is held, for the caller to send and to give back to the pool; nil
// = nothing.
func (c *RecordConn) TakeHeld() *[]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.held
	c.held, c.corked = nil, c.corked && b != nil
	return b
}

// TryFlush sends as much of the held data as it can without waiting, and reports whether
// there is more.
func (c *RecordConn) TryFlush() (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		n, _ := c.TryWrite(*c.held) // the next write returns the error again
		*c.held = (*c.held)[:copy(*c.held, (*c.held)[n:])]
		if len(*c.held) > 0 {
			return true
		}
		c.pool.Put(c.held)
	}
	c.held, c.corked = nil, false
	return false
}
