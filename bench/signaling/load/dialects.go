//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"strconv"

	"callbox/bench/signaling/epoll"
)

// seenEvery is how many events a client may leave unconfirmed.
const seenEvery = 32

// callbox is the protocol of signaling/PROTOCOL.md.
type callbox struct{ wire }

func (p *callbox) opened(c *conn) {
	c.lastID = 1
	if c.resume != "" {
		p.text(c, `{"type":"join","id":1,"room":%q,"resume":%q,"seq":%d}`, c.room, c.resume, c.seq)
		return
	}
	p.text(c, `{"type":"join","id":1,"room":%q}`, c.room)
}

func (p *callbox) receive(c *conn, payload []byte) event {
	switch kind(payload) {
	case "message":
		p.seen(c, payload)
		return evDelivered
	case "ack":
		return evAcked
	case "joined":
		return p.joined(c, payload)
	case "other_joined", "back", "away", "bye":
		p.seen(c, payload)
		return p.other(c, payload)
	case "left":
		return evLeft
	case "error":
		return refusal(payload)
	case "full":
		return evRefused
	}
	return evNone
}

func refusal(payload []byte) event {
	var fault struct{ Code string }
	if err := json.Unmarshal(payload, &fault); err != nil {
		return evRefused
	}
	switch fault.Code {
	case "queue_full":
		return evFull
	case "rate_limited":
		return evLimited
	}
	return evRefused
}

// seen counts an event, and confirms every seenEvery events.
func (p *callbox) seen(c *conn, payload []byte) {
	c.seq = number(payload[:min(len(payload), 64)], []byte(`"seq":`))
	if c.unseen++; c.unseen >= seenEvery {
		c.unseen = 0
		b := strconv.AppendUint(append(p.scratch[:0], `{"type":"seen","seq":`...), c.seq, 10)
		p.scratch = append(b, '}')
		c.send(epoll.Text, p.scratch)
	}
}

func (*callbox) joined(c *conn, payload []byte) event {
	var answer struct {
		Peer, Resume string
		Resumed      bool
		Peers        []struct{ Peer string }
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		return evRefused
	}
	c.same = answer.Peer == c.peer
	c.peer, c.resume = answer.Peer, answer.Resume
	if !answer.Resumed {
		c.seq, c.unseen = 0, 0
	}
	if len(answer.Peers) > 0 {
		c.to = answer.Peers[0].Peer
	}
	return evJoined
}

// other remembers the other peer in the room.
func (*callbox) other(c *conn, payload []byte) event {
	var e struct{ Type, Peer string }
	if err := json.Unmarshal(payload, &e); err != nil {
		return evRefused
	}
	if e.Type == "other_joined" {
		c.to = e.Peer
	}
	return evNone
}

func (p *callbox) message(c *conn) {
	c.lastID++
	b := strconv.AppendUint(append(p.scratch[:0], `{"type":"message","id":`...), c.lastID, 10)
	if c.to != "" {
		b = append(append(append(b, `,"to":"`...), c.to...), '"')
	}
	b = append(append(append(b, `,"data":`...), p.data...), '}')
	p.scratch = b
	c.send(epoll.Text, b)
}

func (p *callbox) leave(c *conn) {
	c.lastID++
	p.text(c, `{"type":"leave","id":%d}`, c.lastID)
}

// socketIO is version 5 of Socket.IO's protocol over version 4 of Engine.IO's, over
// WebSocket only.
type socketIO struct{ wire }

// opened sends nothing, because the server sends first.
func (*socketIO) opened(*conn) {}

func (p *socketIO) receive(c *conn, payload []byte) event {
	switch {
	case bytes.HasPrefix(payload, []byte(`42["message",`)):
		return evDelivered
	case bytes.HasPrefix(payload, []byte("43")):
		return p.answer(c, payload[2:])
	case bytes.HasPrefix(payload, []byte("40")):
		c.lastID = 0
		p.text(c, `420["join",%q]`, c.room)
	case bytes.HasPrefix(payload, []byte("0")):
		p.text(c, "40")
	case string(payload) == "2": // a ping
		p.text(c, "3")
	}
	return evNone
}

func (*socketIO) answer(c *conn, text []byte) event {
	switch id := leading(text); {
	case id == 0 && bytes.Contains(text, []byte(`"full"`)):
		return evRefused
	case id == 0:
		return evJoined
	case c.stage == leaving && id == c.lastID:
		return evLeft
	}
	return evAcked
}

func (p *socketIO) message(c *conn) {
	c.lastID++
	b := strconv.AppendUint(append(p.scratch[:0], "42"...), c.lastID, 10)
	b = append(append(append(b, `["message",{"data":`...), p.data...), "}]"...)
	p.scratch = b
	c.send(epoll.Text, b)
}

func (p *socketIO) leave(c *conn) {
	c.lastID++
	p.text(c, `42%d["leave"]`, c.lastID)
}
