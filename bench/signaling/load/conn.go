//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"

	"callbox/bench/signaling/epoll"
)

// stage is the state of a connection.
type stage int

const (
	connecting stage = iota
	upgrading        // the upgrade request is sent
	joining          // the WebSocket is open
	joined
	leaving
	left
	closed
)

// conn is the connection of one client.
type conn struct {
	loop   *loop
	fd     int
	stage  stage
	in     []byte  // the start of a frame that is not complete
	out    []byte  // what is to be written by loop.flush, or when the socket can be written
	full   bool    // it waits until the socket can be written
	dirty  bool    // it is in loop.dirty
	secure *secure // nil = no TLS

	room     string
	row      any        // the row's data
	from     netip.Addr // source address
	receive  int        // size of the receive buffer in bytes; 0 = the system's default
	tolerant bool       // the server may refuse it

	lastID uint64 // id of the last request
	peer   string // its peer id
	to     string // the other peer's id
	seq    uint64 // of the newest event
	unseen int    // events since the last confirmation
	resume string
	same   bool // peer is the same as on the previous connection
}

// ready handles an event of epoll for c.
func (c *conn) ready(events uint32) {
	var err error
	if c.stage == connecting {
		if err = epoll.Fault(c.fd); err == nil {
			c.stage = upgrading
			c.full = true // the poller watched it for output, to see the connection open
			if c.loop.tls {
				c.secure = newSecure()
			} else {
				c.out = c.loop.dialect.request(c.out)
			}
			err = c.write()
		}
	} else {
		if events&unix.EPOLLOUT != 0 {
			err = c.write()
		}
		if err == nil && events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			err = c.read()
		}
	}
	if err != nil {
		c.close(err)
	}
}

// read reads once. If there is more, epoll reports it again.
func (c *conn) read() error {
	n, err := unix.Read(c.fd, c.loop.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	if c.secure == nil {
		return c.take(c.loop.buffer[:n])
	}
	handshake := c.secure.wait != nil
	over, err := c.secure.feed(c.loop.buffer[:n])
	if err != nil {
		return err
	}
	if handshake {
		if over {
			c.out = c.loop.dialect.request(c.out)
		}
		if err := c.write(); err != nil || !over {
			return err
		}
	}
	for c.stage != closed {
		n, err := c.secure.read(c.loop.clear)
		if err != nil || n == 0 {
			return err
		}
		if err := c.take(c.loop.clear[:n]); err != nil {
			return err
		}
	}
	return nil
}

// take handles received bytes, without TLS.
func (c *conn) take(data []byte) error {
	if len(c.in) > 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	rest, err := c.parse(data)
	switch {
	case c.stage == closed:
		return nil
	case len(rest) == 0:
		c.in = nil
	default:
		c.in = append(c.in[:0], rest...)
	}
	return err
}

// parse handles all complete frames in data and returns the rest.
func (c *conn) parse(data []byte) ([]byte, error) {
	if c.stage == upgrading {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return data, nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			line, _, _ := bytes.Cut(data, []byte("\r"))
			return nil, fmt.Errorf("the response of the server is %q", line)
		}
		data = data[end+4:]
		c.stage = joining
		if a, ok := c.row.(*attack); ok {
			a.opened(c)
		} else {
			c.loop.dialect.opened(c)
		}
	}
	for c.stage != closed {
		h, ok := epoll.ParseHeader(data)
		if !ok || len(data) < h.Size+h.Length {
			break
		}
		if err := c.frame(h.Opcode, data[h.Size:h.Size+h.Length]); err != nil {
			return nil, err
		}
		data = data[h.Size+h.Length:]
	}
	return data, nil
}

func (c *conn) frame(opcode byte, payload []byte) error {
	switch opcode {
	case epoll.Text:
		return c.loop.event(c, c.loop.dialect.receive(c, payload), payload)
	case epoll.Ping:
		c.send(epoll.Pong, payload)
	case epoll.Close:
		if c.stage == left { // it is the reply to our close frame
			return nil
		}
		code := 0
		if len(payload) >= 2 {
			code = int(payload[0])<<8 | int(payload[1])
		}
		return fmt.Errorf("the server closed the connection with %d", code)
	}
	return nil
}

// send appends a frame to c.out, which loop.flush writes.
func (c *conn) send(opcode byte, payload []byte) {
	c.out = epoll.AppendMasked(c.out, opcode, payload)
	if !c.dirty && !c.full {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// write writes as much of c.out as the socket takes.
func (c *conn) write() error {
	out := &c.out
	if c.secure != nil {
		if len(c.out) > 0 {
			if _, err := c.secure.tls.Write(c.out); err != nil {
				return err
			}
			c.out = c.out[:0]
		}
		out = &c.secure.out
	}
	for len(*out) > 0 {
		n, err := unix.Write(c.fd, *out)
		if errors.Is(err, unix.EAGAIN) {
			return c.watch(true)
		}
		if err != nil {
			return err
		}
		*out = (*out)[:copy(*out, (*out)[n:])]
	}
	if cap(*out) > 64<<10 || c.loop.frugal {
		c.out, *out = nil, nil
	}
	return c.watch(false)
}

func (c *conn) watch(full bool) error {
	if c.full == full {
		return nil
	}
	c.full = full
	return c.loop.poller.Modify(c.fd, full)
}

// close closes the socket at once. Only the first call has an effect.
func (c *conn) close(err error) {
	if c.stage == closed {
		return
	}
	before := c.stage
	c.stage = closed
	if c.secure != nil {
		c.secure.abandon()
		c.secure = nil
	}
	c.loop.forget(c)
	c.loop.row.closed(c, before, err)
}
