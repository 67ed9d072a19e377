package faultmodel

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryStream is one direction of a connection in memory. Like a socket, it
// holds some bytes that are under way, so that a sender does not know what has
// arrived.
type memoryStream struct {
	limit int

	mu       sync.Mutex // guards the following
	changed  sync.Cond
	buf      []byte
	sent     bool      // nothing more will be written; the rest may be read
	dropped  bool      // nothing more will be read
	lastRead time.Time // when something was last read
	readBy   alarm
	writtenB alarm
}

// alarm is a deadline.
type alarm struct {
	at    time.Time
	timer *time.Timer
}

func (a *alarm) passed() bool { return !a.at.IsZero() && !time.Now().Before(a.at) }

func newStream(limit int) *memoryStream {
	s := &memoryStream{limit: limit}
	s.changed.L = &s.mu
	return s
}

func (s *memoryStream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 || s.dropped {
		switch {
		case s.dropped:
			return 0, net.ErrClosed
		case s.sent:
			return 0, io.EOF
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		}
		s.changed.Wait()
	}
	n := copy(p, s.buf)
	s.lastRead = time.Now()
	s.buf = append(s.buf[:0], s.buf[n:]...)
	s.changed.Broadcast()
	return n, nil
}

func (s *memoryStream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 {
		switch {
		case s.sent || s.dropped:
			return n, net.ErrClosed
		case s.writtenB.passed():
			return n, os.ErrDeadlineExceeded
		case len(s.buf) == s.limit:
			s.changed.Wait()
			continue
		}
		some := min(len(p), s.limit-len(s.buf))
		s.buf = append(s.buf, p[:some]...)
		n, p = n+some, p[some:]
		s.changed.Broadcast()
	}
	return n, nil
}

func (s *memoryStream) set(a *alarm, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	a.at = at
	if a.passed() { // no timer, see InMemory
		s.changed.Broadcast()
	} else if !at.IsZero() {
		a.timer = time.AfterFunc(time.Until(at), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
}

// finish ends the stream after what is under way.
func (s *memoryStream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = true
	s.stopLocked(&s.writtenB)
}

// drop ends the stream and what is under way.
func (s *memoryStream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped, s.buf = true, nil
	s.stopLocked(&s.readBy)
}

func (s *memoryStream) stopLocked(a *alarm) {
	if a.timer != nil {
		a.timer.Stop()
	}
	s.changed.Broadcast()
}

// memoryConn is one end of a connection in memory.
type memoryConn struct{ in, out *memoryStream }

func memoryPipe(limit int) (near, far net.Conn) {
	a, b := newStream(limit), newStream(limit)
	return &memoryConn{in: a, out: b}, &memoryConn{in: b, out: a}
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }

func (c *memoryConn) Close() error {
	c.out.finish()
	c.in.drop()
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return memoryAddr() }
func (c *memoryConn) RemoteAddr() net.Addr { return memoryAddr() }

func memoryAddr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

func (c *memoryConn) SetDeadline(at time.Time) error {
	_ = c.SetReadDeadline(at)
	return c.SetWriteDeadline(at)
}

func (c *memoryConn) SetReadDeadline(at time.Time) error {
	c.in.set(&c.in.readBy, at)
	return nil
}

func (c *memoryConn) SetWriteDeadline(at time.Time) error {
	c.out.set(&c.out.writtenB, at)
	return nil
}

// Listener is a net.Listener for connections in memory.
type Listener struct {
	pipe   func() (near, far net.Conn)
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewListener returns a listener whose connections pipe makes. The far ends go to
// the server.
func NewListener(pipe func() (near, far net.Conn)) *Listener {
	return &Listener{pipe: pipe, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects to the listener; it ignores network and address.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := l.pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept returns the far end of the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Dial and Accept return net.ErrClosed. Connections stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns an address that stands for memory.
func (l *Listener) Addr() net.Addr { return memoryAddr() }

// fuse breaks a connection after a number of further bytes in one direction.
type fuse struct {
	armed     bool
	remaining int
	blackhole bool // instead of an end, the network swallows everything and tells nobody
}

// faultyConn is a client's end of a connection that breaks on command: at any
// byte, visibly or silently. It also stops reading on command.
type faultyConn struct {
	net.Conn

	mu          sync.Mutex // guards the following
	changed     sync.Cond
	up, down    fuse
	isBlackhole bool // nothing passes any more
	paused      bool
	ended       bool
	lastSent    time.Time // when bytes were last written
}

func newFaultyConn(c net.Conn) *faultyConn {
	f := &faultyConn{Conn: c}
	f.changed.L = &f.mu
	return f
}

func (c *faultyConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.waitLocked()
	if c.down.armed {
		p = p[:min(len(p), c.down.remaining+1)]
	}
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waitLocked()
	if c.ended {
		return 0, net.ErrClosed
	}
	if c.down.armed {
		if n > c.down.remaining {
			n = c.down.remaining
			c.blowLocked(&c.down)
		} else {
			c.down.remaining -= n
		}
	}
	return n, err
}

// waitLocked waits while nothing may be read.
func (c *faultyConn) waitLocked() {
	for (c.paused || c.isBlackhole) && !c.ended {
		c.changed.Wait()
	}
}

func (c *faultyConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	all, burns := len(p), false
	switch {
	case c.ended:
		c.mu.Unlock()
		return 0, net.ErrClosed
	case c.isBlackhole:
		c.mu.Unlock()
		return all, nil
	case c.up.armed && all > c.up.remaining:
		p, burns = p[:c.up.remaining], true
	case c.up.armed:
		c.up.remaining -= all
	}
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		c.lastSent = time.Now()
	}
	if burns {
		c.blowLocked(&c.up)
		return all, nil
	}
	return n, err
}

func (c *faultyConn) blowLocked(f *fuse) {
	f.armed = false
	if f.blackhole {
		c.isBlackhole = true
	} else {
		c.endLocked()
	}
	c.changed.Broadcast()
}

func (c *faultyConn) endLocked() {
	c.ended = true
	c.changed.Broadcast()
	_ = c.Conn.Close() // any end will do
}

// Close cuts the connection.
func (c *faultyConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked()
	return nil
}

func (c *faultyConn) arm(down bool, after int, blackhole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := fuse{armed: true, remaining: after, blackhole: blackhole}
	if down {
		c.down = f
	} else {
		c.up = f
	}
}

// blackhole makes the connection swallow everything from now on.
func (c *faultyConn) blackhole() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isBlackhole = true
	c.changed.Broadcast()
}

func (c *faultyConn) pause(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = on
	c.changed.Broadcast()
}

// lastActivity returns when bytes last went to the server, and in memory when
// the server last read any; zero = never.
func (c *faultyConn) lastActivity() time.Time {
	if memory, ok := c.Conn.(*memoryConn); ok {
		memory.out.mu.Lock()
		defer memory.out.mu.Unlock()
		return memory.out.lastRead
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastSent
}
