package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"callbox/signaling/protocol"
)

// seatState says how it stands with the seat.
type seatState int

const (
	outside seatState = iota // neither in a room nor on the way into one
	joining                  // Join waits
	seated                   // in a room, if away now
)

// seat is the client's session. Its fields are guarded by Client.mu.
type seat struct {
	state     seatState
	room      string
	nonce     string // of the join that made it
	resume    string // the newest; a secret
	ping      time.Duration
	seq       uint64 // the newest event
	confirmed uint64 // the newest event that the server was told of
	away      bool   // Interrupted was told, Rejoined was not
	joined    chan joinReply
}

type joinReply struct {
	joined protocol.Joined
	err    error
}

// answer gives Join what it waits for, if it waits.
func (s *seat) answer(joined protocol.Joined, err error) {
	if s.joined != nil {
		s.joined <- joinReply{joined, err} // has place for it
		s.joined = nil
	}
}

// Join takes a seat in room and keeps it until Leave or Close. The error is a
// [*FullError] when there is none, a [protocol.Error] when the server refuses.
// The seat is not kept when ctx ends before Join returns.
func (c *Client) Join(ctx context.Context, room string) (protocol.Joined, error) {
	if c.config.NoReconnect {
		return c.joinBare(ctx, room)
	}
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return protocol.Joined{}, c.err
	}
	if c.seat.state != outside {
		c.mu.Unlock()
		return protocol.Joined{}, protocol.Error{Code: protocol.CodeAlreadyJoined, Message: "leave first"}
	}
	answer := make(chan joinReply, 1)
	c.seat = seat{state: joining, room: room, nonce: rand.Text(), joined: answer}
	if k := c.carrier; k != nil {
		k.joinSent, k.isReady, k.ready = false, false, make(chan struct{})
		k.nudge()
	}
	c.mu.Unlock()

	select {
	case reply := <-answer:
		return reply.joined, reply.err
	case <-ctx.Done():
		c.giveUp(answer)
		return protocol.Joined{}, context.Cause(ctx)
	}
}

// giveUp withdraws a Join. A seat that it may have got is left.
func (c *Client) giveUp(answer chan joinReply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case reply := <-answer:
		if reply.err != nil {
			return
		}
	default:
	}
	c.seat = seat{}
	if k := c.carrier; k != nil && k.joinSent {
		c.outbox.lastID++ // so that its reply is no other request's
		k.isReady, k.goodbye = true, true
		k.nudge()
	}
}

func (c *Client) joinBare(ctx context.Context, room string) (protocol.Joined, error) {
	r := newRequest(func(id uint64) protocol.Request {
		return protocol.Join{ID: id, Room: room, Name: c.config.Name, Token: c.config.Token}
	})
	if err := c.start(r); err != nil {
		return protocol.Joined{}, err
	}
	f, err := c.result(ctx, r)
	if err != nil {
		return protocol.Joined{}, err
	}
	switch f := f.(type) {
	case protocol.Joined:
		return f, nil
	case protocol.Full:
		return protocol.Joined{}, fullError(f)
	default:
		return protocol.Joined{}, unexpected(f)
	}
}

func fullError(f protocol.Full) error { return &FullError{Room: f.Room, Capacity: f.Capacity} }

// joinFrame is how the seat is taken, or taken back. c.mu is held.
func (c *Client) joinFrame() []byte {
	join := protocol.Join{ID: c.joinID(), Room: c.seat.room, Name: c.config.Name}
	if c.seat.resume != "" {
		join.Resume, join.Seq = c.seat.resume, c.seat.seq
	} else {
		join.Nonce, join.Token = c.seat.nonce, c.config.Token
	}
	return protocol.Encode(join)
}

// joinID is outside the numbering of the other requests, of which none is
// sent before the reply.
func (c *Client) joinID() uint64 { return c.outbox.lastID + 1 }

// replyToJoin takes the server's answer. c.mu is held.
func (c *Client) replyToJoin(k *carrier, f protocol.Reply) error {
	switch f := f.(type) {
	case protocol.Joined:
		return c.sit(k, f)
	case protocol.Full:
		return c.refusedSeat(k, fullError(f))
	case protocol.Error:
		return c.refusedJoin(k, f)
	default:
		return c.refusedSeat(k, unexpected(f))
	}
}

// refusedSeat ends a Join, or the client when the seat was its own before.
func (c *Client) refusedSeat(k *carrier, err error) error {
	if c.seat.state == joining {
		k.isReady = true
		c.seat.answer(protocol.Joined{}, err)
		c.seat = seat{}
		return nil
	}
	c.failLocked(err)
	return err
}

func (c *Client) refusedJoin(k *carrier, fault protocol.Error) error {
	first := c.seat.state == joining
	switch {
	case fault.Code == protocol.CodeUnknown, !first && fault.Retry:
		c.holdOff = fault.After.Duration()
		return fault // come back later
	case first || c.seat.resume == "":
		return c.refusedSeat(k, fault)
	}
	// The seat is not to be had back.
	c.seat.resume = ""
	if leave := c.outbox.leaving(); leave != nil { // because it was left
		k.isReady = true
		c.outbox.finish(leave, protocol.Left{ID: leave.id}, nil)
		c.left()
		return nil
	}
	c.seat.nonce = rand.Text()
	k.joinSent = false
	return nil
}

// left is the end of the session, in order. c.mu is held.
func (c *Client) left() {
	c.outbox.lose()
	c.seat = seat{}
}

// sit notes that the seat is taken. c.mu is held.
func (c *Client) sit(k *carrier, f protocol.Joined) error {
	now := time.Now()
	first := c.seat.state == joining
	c.seat.state, c.seat.room, c.seat.resume = seated, f.Room, f.Resume
	c.seat.ping = f.Ping.Duration()
	if !f.Resumed || first {
		c.seat.seq, c.seat.confirmed = 0, 0
	} else {
		c.seat.confirmed = c.seat.seq
	}
	k.isReady, k.began = true, now
	k.seenAt, k.looked, k.lookedAt = time.Time{}, now, c.wall()
	if c.seat.ping > 0 {
		k.pingAt = now.Add(c.seat.ping)
	}
	close(k.ready)
	if first {
		c.seat.answer(f, nil)
		return nil
	}
	if !f.Resumed {
		c.outbox.lose()
	}
	if !c.seat.away {
		return nil
	}
	c.seat.away = false
	return c.push(Rejoined{Resumed: f.Resumed, Joined: f})
}

// frame takes what the server sent.
func (c *Client) frame(k *carrier, text []byte) error {
	f, err := protocol.DecodeServerFrame(text)
	if err != nil { // of a later version of the protocol, perhaps
		c.log.Debug("frame ignored", "err", err)
		return c.skip(text)
	}
	if k.overHTTP() {
		if event, ok := f.(Event); ok && event.EventSeq() != 0 && !c.awaitSeat(k) {
			return nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer k.nudge()
	if c.err != nil { // it is closed already
		return nil
	}
	if r, ok := f.(protocol.Reply); ok {
		fault, isError := f.(protocol.Error)
		if !isError || fault.ID != 0 {
			return c.replied(k, r)
		}
	}
	if event, ok := f.(Event); ok {
		return c.happened(event)
	}
	return nil
}

// skip counts an event that is not understood.
func (c *Client) skip(text []byte) error {
	var event struct {
		Seq uint64 `json:"seq"`
	}
	if c.config.NoReconnect || json.Unmarshal(text, &event) != nil || event.Seq == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.count(event.Seq)
	return err
}

// awaitSeat waits for the reply to join: over HTTP an event may overtake it.
func (c *Client) awaitSeat(k *carrier) bool {
	c.mu.Lock()
	ready := k.ready
	c.mu.Unlock()
	select {
	case <-ready:
		return true
	case <-k.lost:
		return false
	}
}

// replied takes a reply. c.mu is held.
func (c *Client) replied(k *carrier, f protocol.Reply) error {
	if !c.config.NoReconnect && k.joinSent && !k.isReady {
		if f.ReplyID() == c.joinID() {
			return c.replyToJoin(k, f)
		}
		return nil
	}
	switch f := f.(type) {
	case protocol.Pong:
		if f.Resume != "" && c.seat.state == seated {
			c.seat.resume = f.Resume
		}
	case protocol.Joined: // to a bare client
		c.seat.ping = f.Ping.Duration()
	default:
	}
	r := c.outbox.find(f.ReplyID())
	if f.ReplyID() == 0 || r == nil {
		return nil // to no request
	}
	fault, isError := f.(protocol.Error)
	if !isError {
		c.outbox.finish(r, f, nil)
		if r.leave && !c.config.NoReconnect {
			c.left()
		}
		return nil
	}
	if c.config.NoReconnect || !c.outbox.refuse(r, fault, time.Now()) {
		c.outbox.finish(r, nil, fault)
	}
	return nil
}

// happened takes an event. c.mu is held.
func (c *Client) happened(event Event) error {
	if !c.config.NoReconnect {
		if closing, ok := event.(protocol.Closing); ok {
			c.holdOff = spread(closing.After.Duration())
		}
		if fresh, err := c.count(event.EventSeq()); !fresh {
			return err
		}
	}
	return c.push(event)
}

// count says whether an event is new: each comes once, and none is left out.
// c.mu is held.
func (c *Client) count(seq uint64) (fresh bool, err error) {
	switch {
	case seq == 0:
		return true, nil // a notice
	case c.seat.state != seated || seq <= c.seat.seq:
		return false, nil
	case seq != c.seat.seq+1:
		return false, errGap
	}
	c.seat.seq = seq
	if k := c.carrier; k != nil && k.seenAt.IsZero() {
		k.seenAt = time.Now().Add(seenWithin)
	}
	return true, nil
}
