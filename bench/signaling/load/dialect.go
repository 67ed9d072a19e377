//go:build linux

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"

	"callbox/bench/signaling/epoll"
)

// event is the meaning of a frame from the server, in all protocols.
type event int

const (
	evNone      event = iota // ignored
	evJoined                 // c has its seat
	evRefused                // an error, which ends the run
	evFull                   // a message was refused because the receiver is slow
	evLimited                // a request was refused because of a limit
	evDelivered              // a message from the other peer
	evAcked                  // the oldest unacknowledged message of c was relayed
	evLeft                   // c has given up its seat
)

// dialect is the protocol of a server.
type dialect interface {
	// request appends the HTTP request that opens the WebSocket.
	request(dst []byte) []byte
	// opened joins, which ends with evJoined.
	opened(c *conn)
	// receive parses a text message.
	receive(c *conn, payload []byte) event
	// message sends a message to the other peer in the room.
	message(c *conn)
	// leave leaves the room, which ends with evLeft.
	leave(c *conn)
}

// newDialect returns the protocol of a server at host. data is the data of messages, as
// JSON.
func newDialect(name, host string, data []byte) (dialect, error) {
	base := wire{host: host, path: "/", data: data}
	switch name {
	case "callbox":
		base.path, base.subprotocol = "/ws", "callbox.v1"
		return &callbox{base}, nil
	case "socketio":
		base.path = "/socket.io/?EIO=4&transport=websocket"
		return &socketIO{base}, nil
	case "ws":
		return &plain{base}, nil
	case "floor":
		return &raw{base}, nil
	}
	return nil, fmt.Errorf("-dialect: unknown protocol %q; use callbox, socketio, ws or floor", name)
}

// wire has what all protocols need.
type wire struct {
	host, path, subprotocol string

	data    []byte
	scratch []byte
}

func (w *wire) request(dst []byte) []byte {
	var key [16]byte
	_, _ = rand.Read(key[:]) // it never fails
	dst = fmt.Appendf(dst, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", w.path, w.host, base64.StdEncoding.EncodeToString(key[:]))
	if w.subprotocol != "" {
		dst = fmt.Appendf(dst, "Sec-WebSocket-Protocol: %s\r\n", w.subprotocol)
	}
	return append(dst, "\r\n"...)
}

// text sends a text message made with format.
func (w *wire) text(c *conn, format string, args ...any) {
	c.send(epoll.Text, fmt.Appendf(w.scratch[:0], format, args...))
}

// payload returns the data of a message of size bytes: it resembles a session description,
// as a JSON string with escaped line ends.
func payload(size int) []byte {
	head, line, tail := `{"call":1,"description":{"type":"offer","sdp":"v=0\r\n`, `a=rtpmap:96 VP8/90000\r\n`, `"}}`
	body := bytes.Repeat([]byte(line), size/len(line)+1)
	room := max(0, size-len(head)-len(tail))
	room -= room % len(line)
	filler := bytes.Repeat([]byte("x"), max(0, size-len(head)-len(tail)-room))
	return bytes.Join([][]byte{[]byte(head), body[:room], filler, []byte(tail)}, nil)
}

// number parses the decimal number after key in text; 0 = none.
func number(text, key []byte) uint64 {
	at := bytes.Index(text, key)
	if at < 0 {
		return 0
	}
	return leading(text[at+len(key):])
}

// leading parses the decimal number at the start of text.
func leading(text []byte) (n uint64) {
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			break
		}
		n = n*10 + uint64(digit-'0')
	}
	return n
}

// raw is the protocol of the floor. The first frame of a client names the room. Short
// frames from the server are replies.
type raw struct{ wire }

const rawShort = 64

func (r *raw) opened(c *conn) { r.text(c, "%s", c.room) }

func (*raw) receive(_ *conn, payload []byte) event {
	switch {
	case len(payload) >= rawShort:
		return evDelivered
	case string(payload) == "joined":
		return evJoined
	case string(payload) == "left":
		return evLeft
	}
	return evAcked
}

func (r *raw) message(c *conn) { c.send(epoll.Text, r.data) }

func (r *raw) leave(c *conn) { r.text(c, "leave") }

// plain is the JSON protocol of the server that uses ws.
type plain struct{ wire }

func (p *plain) opened(c *conn) {
	c.lastID = 1
	p.text(c, `{"type":"join","id":1,"room":%q}`, c.room)
}

func (*plain) receive(_ *conn, payload []byte) event {
	switch kind(payload) {
	case "message":
		return evDelivered
	case "ack":
		return evAcked
	case "joined":
		return evJoined
	case "left":
		return evLeft
	case "full":
		return evRefused
	}
	return evNone
}

// kind returns the type of a JSON message, which is always the first field.
func kind(payload []byte) string {
	rest, ok := bytes.CutPrefix(payload, []byte(`{"type":"`))
	if !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest[:min(len(rest), 24)], []byte(`"`))
	return string(name)
}

func (p *plain) message(c *conn) {
	c.lastID++
	b := strconv.AppendUint(append(p.scratch[:0], `{"type":"message","id":`...), c.lastID, 10)
	b = append(append(append(b, `,"data":`...), p.data...), '}')
	p.scratch = b
	c.send(epoll.Text, b)
}

func (p *plain) leave(c *conn) {
	c.lastID++
	p.text(c, `{"type":"leave","id":%d}`, c.lastID)
}
