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

// stage is how far a connection has come.
type stage int

const (
	connecting stage = iota
	upgrading        // the request for the WebSocket is on its way
	joining          // the WebSocket is open
	joined
	leaving
	left
	closed
)

// conn is one client.
type conn struct {
	loop   *loop
	fd     int
	stage  stage
	in     []byte  // the beginning of a frame whose rest has not come
	out    []byte  // what waits for the flush, or for room to write
	full   bool    // it waits for room to write
	dirty  bool    // it is in loop.dirty
	secure *secure // nil = no TLS

	room     string
	row      any        // what the row keeps of it
	from     netip.Addr // its own source address
	receive  int        // its receive buffer, in bytes; 0 = the system's
	tolerant bool       // it is meant to be refused

	lastID uint64 // of its requests
	peer   string // its id
	to     string // the id of the other side
	seq    uint64 // the newest event
	unseen int    // events since the last confirmation
	resume string
	same   bool // peer is what it was on the connection before
}

// ready handles what epoll said of c.
func (c *conn) ready(events uint32) {
	var err error
	if c.stage == connecting {
		if err = epoll.Fault(c.fd); err == nil {
			c.stage = upgrading
			c.full = true // it was watched for the connection to open
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

// read takes what has come, once: what it leaves, epoll tells again.
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

// take handles bytes of the WebSocket.
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

// parse handles every whole frame of data and returns the rest.
func (c *conn) parse(data []byte) ([]byte, error) {
	if c.stage == upgrading {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return data, nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			line, _, _ := bytes.Cut(data, []byte("\r"))
			return nil, fmt.Errorf("the server says %q", line)
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
		if c.stage == left { // it is the answer to ours
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

// send puts a frame into c.out. It goes with the flush of the loop.
func (c *conn) send(opcode byte, payload []byte) {
	c.out = epoll.AppendMasked(c.out, opcode, payload)
	if !c.dirty && !c.full {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// write sends what it can of c.out.
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

// close ends the connection without another word. Only the first call counts.
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
