//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"callbox/bench/signaling/epoll"
)

// row is a kind of load. The loop calls its methods.
type row interface {
	// tick is called before the loop waits for sockets, with the time since the start. It
	// returns how long the loop may wait.
	tick(now time.Duration) (time.Duration, error)
	// event is called for each event except evNone.
	event(c *conn, e event) error
	// closed is called once for each connection, with its last stage.
	closed(c *conn, before stage, err error)
	// done reports whether the run is over.
	done() bool
}

// errRefused is returned for a reply that the row does not expect.
var errRefused = errors.New("the server replied")

// loop serves all connections in one thread.
type loop struct {
	poller  *epoll.Poller
	dialect dialect
	row     row
	server  netip.AddrPort
	from    []netip.Addr // source addresses, used in turn
	started time.Time
	buffer  []byte
	clear   []byte // the decrypted bytes of buffer
	tls     bool
	conns   [epoll.MaxFD]*conn
	open    int
	dialed  int
	dirty   []*conn
	frugal  bool              // buffers are freed after use, so that memory suffices for many connections
	command func(text string) // called for each line of standard input, and with "" at its end; nil = it is not read
}

func newLoop(d dialect, server netip.AddrPort, from []netip.Addr) (*loop, error) {
	poller, err := epoll.New()
	return &loop{
		poller: poller, dialect: d, server: server, from: from,
		started: time.Now(), buffer: make([]byte, 256<<10), clear: make([]byte, 64<<10),
	}, err
}

// run runs r until it is done.
func (l *loop) run(r row) error {
	l.row = r
	for !r.done() {
		pause, err := r.tick(l.now())
		if err != nil {
			return err
		}
		if err := l.flush(); err != nil {
			return err
		}
		if r.done() {
			return nil
		}
		events, err := l.poller.Wait(int(pause.Milliseconds()))
		if err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, e := range events {
			if c := l.conns[e.Fd]; c != nil {
				c.ready(e.Events)
			} else if int(e.Fd) == unix.Stdin && l.command != nil {
				n, err := unix.Read(unix.Stdin, l.buffer)
				if err != nil {
					return err
				}
				l.command(string(l.buffer[:n]))
			}
		}
	}
	return nil
}

func (l *loop) now() time.Duration { return time.Since(l.started) }

// hasPeers reports whether messages name their receivers.
func (l *loop) hasPeers() bool {
	_, ok := l.dialect.(*callbox)
	return ok
}

// flush writes everything that was appended since the last flush, with one write for each
// connection.
func (l *loop) flush() error {
	for len(l.dirty) > 0 {
		dirty := l.dirty
		l.dirty = nil
		for _, c := range dirty {
			c.dirty = false
			if c.stage == closed || c.full {
				continue
			}
			if err := c.write(); err != nil {
				c.close(err)
			}
		}
		if l.dirty == nil {
			l.dirty = dirty[:0]
		}
	}
	return nil
}

// dial starts a connection that will join room.
func (l *loop) dial(c *conn) error {
	from := c.from
	if !from.IsValid() && len(l.from) > 0 {
		from = l.from[l.dialed%len(l.from)]
	}
	l.dialed++
	fd, err := epoll.Connect(from, l.server, c.receive)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if fd >= epoll.MaxFD {
		return errors.Join(errors.New("too many connections"), unix.Close(fd))
	}
	c.loop, c.fd, c.stage, c.full, c.dirty = l, fd, connecting, true, false
	c.in, c.out = nil, nil
	l.conns[fd] = c
	l.open++
	return l.poller.Add(fd, true)
}

func (l *loop) forget(c *conn) {
	l.conns[c.fd] = nil
	l.open--
	_ = unix.Close(c.fd) // an error would change nothing
	c.in, c.out = nil, nil
}

// event updates the stage of c and calls the row.
func (l *loop) event(c *conn, e event, payload []byte) error {
	switch e {
	case evNone:
		return nil
	case evJoined:
		c.stage = joined
	case evLeft:
		c.stage = left
		if !c.tolerant {
			c.send(epoll.Close, []byte{0x03, 0xe8}) // 1000
		}
	case evRefused, evFull, evLimited:
		if !c.tolerant {
			return fmt.Errorf("%w: %.200q", errRefused, payload)
		}
	case evDelivered, evAcked:
	}
	return l.row.event(c, e)
}

// leave leaves the room. When the server replies, the connection is closed.
func (l *loop) leave(c *conn) {
	c.stage = leaving
	l.dialect.leave(c)
}
