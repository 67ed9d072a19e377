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

// row is one kind of load. All calls come from the loop.
type row interface {
	// tick is called between two looks at the sockets, with the time since the
	// start. It returns how long the loop may wait for sockets.
	tick(now time.Duration) (time.Duration, error)
	// event is called with each event but none.
	event(c *conn, e event) error
	// closed is called once for each connection, with how far it had come.
	closed(c *conn, before stage, err error)
	// done tells whether all is over.
	done() bool
}

// errRefused is an answer that no row expects.
var errRefused = errors.New("the server answers")

// loop carries every connection in one thread.
type loop struct {
	poller  *epoll.Poller
	dialect dialect
	row     row
	server  netip.AddrPort
	from    []netip.Addr // the sources of connections, in turn
	started time.Time
	buffer  []byte
	clear   []byte // what buffer held, decrypted
	tls     bool
	conns   [epoll.MaxFD]*conn
	open    int
	dialed  int
	dirty   []*conn
	frugal  bool              // buffers are not kept, so that many connections fit
	command func(text string) // takes what standard input says, if it is listened to; "" = its end
}

func newLoop(d dialect, server netip.AddrPort, from []netip.Addr) (*loop, error) {
	poller, err := epoll.New()
	return &loop{
		poller: poller, dialect: d, server: server, from: from,
		started: time.Now(), buffer: make([]byte, 256<<10), clear: make([]byte, 64<<10),
	}, err
}

// run drives r until it is done.
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

// hasPeers tells whether messages name their receivers.
func (l *loop) hasPeers() bool {
	_, ok := l.dialect.(*callbox)
	return ok
}

// flush writes what was made since the last one, in one write for each
// connection, as programs do that handle all that has come before they answer.
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

// dial begins a connection that will join room.
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
	_ = unix.Close(c.fd) // nothing is lost with it that was not lost before
	c.in, c.out = nil, nil
}

// event keeps the stage of c, and tells the row.
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

// leave gives up the seat of c; the connection ends with the answer.
func (l *loop) leave(c *conn) {
	c.stage = leaving
	l.dialect.leave(c)
}
