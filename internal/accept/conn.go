package accept

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// connState says what a connection is used for.
type connState uint8

const (
	held    connState = iota // it carries a call, or its use is unknown
	waiting                  // for a request
	busy                     // with requests
	gone                     // it is closed, or is being closed
)

// Conn is a connection that a Table counts until it is closed. It embeds the
// *net.TCPConn, so that its methods are available to users that need the socket.
type Conn struct {
	*net.TCPConn
	table *Table
	kind  Kind // static

	// gated connections are not read during a write to them.
	gated   atomic.Bool
	writing sync.Mutex

	// The table's mu guards the following; holder is static once c is admitted.
	holder         *holder
	state          connState
	holds          int // streams that protect c from being displaced
	charged        int // bytes of memory, while it serves HTTP
	previous, next *Conn
	displaced      chan struct{} // closed after a displaced connection is closed; nil = not displaced
}

// Read reads from the socket. While HTTP is served, it waits for a write to a client
// that reads slowly. Otherwise a client that reads nothing could make an HTTP/2 server
// queue an answer to each of its frames, without limit.
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

// Close closes the socket and removes the connection from the table.
func (c *Conn) Close() error {
	err := c.TCPConn.Close()
	c.table.remove(c)
	return err
}

// closeDisplaced closes a connection that is displaced.
func (c *Conn) closeDisplaced() {
	_ = c.TCPConn.Close() // fails only when its user has closed it just now
	close(c.displaced)
}

// State tells the table the state of a connection. It is meant for the ConnState of an
// http.Server. The Conn is found below layers that have a NetConn method, such as TLS;
// other connections are ignored. After State returns for http.StateHijacked, the table
// never closes the connection.
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
		victim.closeDisplaced()
	}
	if !ok {
		c.refuse(refusedMemory)
	}
}

// Release removes a connection from the table, because someone else counts it from now
// on. After Release returns, the table never closes the connection.
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

// setState sets the state of c. displaced is closed when c, which has been displaced,
// is closed. The caller must close victims, which make room for the memory of c. ok is
// false if there is not enough memory.
func (t *Table) setState(c *Conn, state http.ConnState, cost int) (displaced <-chan struct{}, victims []*Conn, ok bool) {
	c.gated.Store(state != http.StateHijacked && state != http.StateClosed)
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.state == gone || state == http.StateClosed { // Close removes it from the table
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

// chargeLocked charges a connection that serves HTTP for its memory, and displaces
// waiting connections from the same address for it. The caller must close victims.
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

// WithConn returns a context that contains a connection for [Hold]. It is meant for the
// ConnContext of an http.Server.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	if c := find(conn); c != nil {
		return context.WithValue(ctx, contextKey{}, c)
	}
	return ctx
}

// Hold protects the connection of a request, whose context ctx is, from being displaced
// until release is called. The context must come from [WithConn]; otherwise Hold does
// nothing.
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
	case c.state == gone:
	case c.holds > 0 && c.state != held:
		t.moveLocked(c, held)
	case c.holds == 0 && c.state == held:
		// Its memory is charged again with its next state.
		t.moveLocked(c, busy)
	}
}
