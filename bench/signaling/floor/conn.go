//go:build linux

package main

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // G505: RFC 6455 requires it
	"encoding/base64"
	"errors"

	"golang.org/x/sys/unix"

	"callbox/bench/signaling/epoll"
)

// The longest payload of a request; longer ones are messages.
const shortest = 64

type conn struct {
	server   *server
	fd       int // -1 = closed
	upgraded bool
	joined   bool
	room     string
	other    *conn // nil = alone
	in, out  []byte
	full     bool // it waits until the socket can be written
	dirty    bool
}

func (c *conn) read() {
	n, err := unix.Read(c.fd, c.server.buffer)
	if errors.Is(err, unix.EAGAIN) {
		return
	}
	if err != nil || n == 0 {
		c.close()
		return
	}
	data := c.server.buffer[:n]
	if len(c.in) > 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	rest := c.parse(data)
	if c.in = append(c.in[:0], rest...); len(c.in) == 0 {
		c.in = nil
	}
	for _, d := range c.server.dirty {
		d.dirty = false
		d.write()
	}
	c.server.dirty = c.server.dirty[:0]
}

// parse handles all complete frames in data and returns the rest.
func (c *conn) parse(data []byte) []byte {
	if !c.upgraded {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return data
		}
		c.upgrade(data[:end+2])
		data = data[end+4:]
	}
	for c.fd >= 0 {
		h, ok := epoll.ParseHeader(data)
		if !ok || len(data) < h.Size+h.Length {
			return data
		}
		c.frame(h, data[h.Size:h.Size+h.Length])
		data = data[h.Size+h.Length:]
	}
	return nil
}

// upgrade answers the client's request (RFC 6455, section 4.2.2).
func (c *conn) upgrade(request []byte) {
	_, rest, _ := bytes.Cut(request, []byte("Sec-WebSocket-Key: "))
	key, _, _ := bytes.Cut(rest, []byte("\r\n"))
	hash := sha1.Sum(append(key[:len(key):len(key)], "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...)) //nolint:gosec // G401: RFC 6455 requires it
	c.upgraded = true
	c.send([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(hash[:]) + "\r\n\r\n"))
}

func (c *conn) frame(h epoll.Header, payload []byte) {
	switch {
	case h.Opcode == epoll.Close:
		c.say(epoll.Close, "")
		c.write()
		c.close()
	case h.Opcode != epoll.Text:
	case len(payload) >= shortest:
		if o := c.other; o != nil {
			o.begin()
			o.out = append(epoll.AppendHeader(o.out, epoll.Text, len(payload)), payload...)
			o.end()
			c.say(epoll.Text, "ack")
		}
	case c.joined:
		c.leave()
		c.say(epoll.Text, "left")
	default:
		epoll.Unmask(payload, h.Mask)
		c.join(string(payload))
		c.say(epoll.Text, "joined")
	}
}

func (c *conn) join(room string) {
	c.room, c.joined = room, true
	if other := c.server.rooms[room]; other != nil {
		c.other, other.other = other, c
		delete(c.server.rooms, room)
		return
	}
	c.server.rooms[room] = c
}

func (c *conn) leave() {
	if o := c.other; o != nil {
		o.other, c.other = nil, nil
		c.server.rooms[c.room] = o
	} else if c.joined {
		delete(c.server.rooms, c.room)
	}
	c.joined = false
}

func (c *conn) say(opcode byte, text string) {
	c.begin()
	c.out = append(epoll.AppendHeader(c.out, opcode, len(text)), text...)
	c.end()
}

func (c *conn) send(bytes []byte) {
	c.begin()
	c.out = append(c.out, bytes...)
	c.end()
}

// begin is called before something is appended to c.out, end afterwards.
func (c *conn) begin() {
	if c.out == nil {
		c.out = c.server.spare()
	}
}

func (c *conn) end() {
	switch {
	case c.full || c.dirty:
	case c.server.coalesce:
		c.dirty = true
		c.server.dirty = append(c.server.dirty, c)
	default:
		c.write()
	}
}

// write writes as much of c.out as the socket takes.
func (c *conn) write() {
	for c.fd >= 0 && len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		if errors.Is(err, unix.EAGAIN) {
			c.watch(true)
			return
		}
		if err != nil {
			c.close()
			return
		}
		c.out = c.out[:copy(c.out, c.out[n:])]
	}
	if c.fd >= 0 {
		c.server.give(c.out)
		c.out = nil
		c.watch(false)
	}
}

func (c *conn) watch(full bool) {
	if c.full == full {
		return
	}
	c.full = full
	if err := c.server.poller.Modify(c.fd, full); err != nil {
		c.close()
	}
}

func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	c.leave()
	c.server.conns[c.fd] = nil
	_ = unix.Close(c.fd) // an error would change nothing
	c.fd = -1
}
