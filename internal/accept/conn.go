package accept

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// place is what a connection does.
type place uint8

const (
	held    place = iota // it carries a call, or nothing is known of it
	waiting              // for a request
	busy                 // with requests
	gone                 // it is closed, or is being closed
)

// Conn is a connection that a Table counts until it is closed. It has the
// socket's own methods, so that whoever wants the socket finds it.
type Conn struct {
	*net.TCPConn
	table *Table
	kind  Kind // static

	// gated connections are not read while something is being written to them.
	gated   atomic.Bool
	writing sync.Mutex

	// The table's mu guards the following; holder is static once c is admitted.
	holder         *holder
	place          place
	holds          int // streams that keep c from giving way
	charged        int // of memory, while it serves HTTP
	previous, next *Conn
	displaced      chan struct{} // closed when a displaced one is closed; nil = it is not displaced
}

// Read reads from the socket. As long as HTTP is served, it waits for a write
// that the client is slow to take. Otherwise a client that reads nothing could
// have a server of HTTP/2 queue an answer to each of its frames, without end.
func (c *Conn) Read(p []byte) (int, error) {
	if c.gated.Load() {
		c.writing.Lock()
		c.writing.Unlock() //nolint:staticcheck // SA2001: it waits, and guards nothing
	}
	return c.TCPConn.Read(p)
}

// Write writes to the socket.
func (c *Conn) Write(p []byte) (int, error) {
	if c.gated.Load() {
		c.writing.Lock()
		defer c.writing.Unlock()
	}
	return c.TCPConn.Write(p)
}

// Close closes the socket and counts the connection out.
func (c *Conn) Close() error {
	err := c.TCPConn.Close()
	c.table.remove(c)
	return err
}

// endDisplaced closes a connection that gives way.
func (c *Conn) endDisplaced() {
	_ = c.TCPConn.Close() // fails only when its user has closed it just now
	close(c.displaced)
}

// State tells the table what a connection does, such as an http.Server does by
// its ConnState. The Conn is found below layers that have a NetConn method, such
// as TLS; other connections are passed over. When State returns, a connection
// that its user has taken over (http.StateHijacked) is never closed by anybody
// else.
func (t *Table) State(conn net.Conn, state http.ConnState) {
	c := find(conn)
	if c == nil {
		return
	}
	displaced, victims, ok := t.setState(c, state, costOf(c, conn))
	if displaced != nil {
		<-displaced
	}
	for _, victim := range victims {
		victim.endDisplaced()
	}
	if !ok {
		c.refuse(refusedMemory)
	}
}

// Release counts a connection out that somebody else counts from now on. When it
// returns, the table never closes it.
func (t *Table) Release(conn net.Conn) {
	c := find(conn)
	if c == nil {
		return
	}
	c.gated.Store(false)
	t.mu.Lock()
	displaced := c.displaced
	t.removeLocked(c)
	t.mu.Unlock()
	if displaced != nil {
		<-displaced
	}
}

// setState returns what tells that c is closed, when it has to give way, which
// others have to for its memory, and whether there is enough.
func (t *Table) setState(c *Conn, state http.ConnState, cost int) (displaced <-chan struct{}, victims []*Conn, ok bool) {
	c.gated.Store(state != http.StateHijacked && state != http.StateClosed)
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.place == gone || state == http.StateClosed { // the socket's Close counts it out
		return c.displaced, nil, true
	}
	if state == http.StateHijacked {
		t.moveLocked(c, held)
		return nil, nil, true
	}
	if c.holds > 0 {
		return nil, nil, true
	}
	if victims, ok = t.chargeLocked(c, cost); !ok {
		t.refused[refusedMemory]++
		return nil, victims, false
	}
	to := waiting
	if state == http.StateActive {
		to = busy
	}
	t.moveLocked(c, to)
	return nil, victims, true
}

// chargeLocked charges a connection that serves HTTP for its memory, and has
// others of the same address that wait give way for it.
func (t *Table) chargeLocked(c *Conn, cost int) (victims []*Conn, ok bool) {
	h := c.holder
	if c.charged >= cost || h.exempt {
		return nil, true
	}
	for !t.config.Memory.Take(h.client, cost-c.charged) {
		victim := h.waiting.first
		if victim == c {
			victim = c.next
		}
		if victim == nil {
			return victims, false
		}
		t.displaceLocked(victim)
		victims = append(victims, victim)
	}
	c.charged = cost
	return victims, true
}

// find returns the Conn below layers such as TLS, or nil.
func find(conn net.Conn) *Conn {
	for {
		if c, ok := conn.(*Conn); ok {
			return c
		}
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = outer.NetConn()
	}
}

type contextKey struct{}

// WithConn returns a context that [Hold] finds a connection in. It is to be, or
// to be called by, an http.Server's ConnContext.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	if c := find(conn); c != nil {
		return context.WithValue(ctx, contextKey{}, c)
	}
	return ctx
}

// Hold keeps the connection of a request from giving way, until release is
// called.
func Hold(ctx context.Context) (release func()) {
	c, ok := ctx.Value(contextKey{}).(*Conn)
	if !ok {
		return func() {}
	}
	c.table.hold(c, 1)
	return func() { c.table.hold(c, -1) }
}

func (t *Table) hold(c *Conn, change int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.holds += change
	switch {
	case c.place == gone:
	case c.holds > 0 && c.place != held:
		t.moveLocked(c, held)
	case c.holds == 0 && c.place == held:
		// What it takes is counted again with its next state.
		t.moveLocked(c, busy)
	}
}
