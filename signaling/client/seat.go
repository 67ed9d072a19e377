package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"callbox/signaling/protocol"
)

// seatState is the state of the client's seat.
type seatState int

const (
	outside seatState = iota // no seat, and Join was not called
	joining                  // Join waits for the server's reply
	seated                   // the client has a seat, even while it is disconnected
)

// seat is the client's session with the server. Client.mu guards its fields.
type seat struct {
	state     seatState
	room      string
	nonce     string // of the join that created the seat
	resume    string // the newest resume token; a secret
	ping      time.Duration
	seq       uint64 // of the newest event
	confirmed uint64 // of the newest event that was confirmed to the server
	away      bool   // Interrupted was queued, and Rejoined was not
	joined    chan joinReply
}

type joinReply struct {
	joined protocol.Joined
	err    error
}

// resolveJoin gives Join its result, if it waits.
func (s *seat) resolveJoin(joined protocol.Joined, err error) {
	if s.joined != nil {
		s.joined <- joinReply{joined, err} // has room for it
		s.joined = nil
	}
}

// Join takes a seat in room and keeps it until Leave or Close. The error is a
// [*FullError] if no seat is free, or a [protocol.Error] if the server refuses.
// If ctx ends before Join returns, the seat is given up.
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
	if conn := c.conn; conn != nil {
		conn.joinSent, conn.isReady, conn.ready = false, false, make(chan struct{})
		conn.wakeWriter()
	}
	c.mu.Unlock()

	select {
	case reply := <-answer:
		return reply.joined, reply.err
	case <-ctx.Done():
		c.cancelJoin(answer)
		return protocol.Joined{}, context.Cause(ctx)
	}
}

// cancelJoin cancels a Join. If the server may have granted the seat, the client
// leaves it.
func (c *Client) cancelJoin(answer chan joinReply) {
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
	if conn := c.conn; conn != nil && conn.joinSent {
		c.outbox.lastID++ // so that no other request gets its reply
		conn.isReady, conn.leaving = true, true
		conn.wakeWriter()
	}
}

func (c *Client) joinBare(ctx context.Context, room string) (protocol.Joined, error) {
	r := newRequest(func(id uint64) protocol.Request {
		return protocol.Join{ID: id, Room: room, Name: c.config.Name, Token: c.config.Token}
	})
	if err := c.enqueue(r); err != nil {
		return protocol.Joined{}, err
	}
	f, err := c.awaitReply(ctx, r)
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

// joinFrame returns the frame that takes the seat, or reclaims it. It must be
// called with c.mu held.
func (c *Client) joinFrame() []byte {
	join := protocol.Join{ID: c.joinID(), Room: c.seat.room, Name: c.config.Name}
	if c.seat.resume != "" {
		join.Resume, join.Seq = c.seat.resume, c.seat.seq
	} else {
		join.Nonce, join.Token = c.seat.nonce, c.config.Token
	}
	return protocol.Encode(join)
}

// joinID returns the id of the join. It is not taken from the sequence of the
// other requests, of which none is sent before the reply to join.
func (c *Client) joinID() uint64 { return c.outbox.lastID + 1 }

// handleJoinReply handles the reply to join. It must be called with c.mu held.
func (c *Client) handleJoinReply(conn *connection, f protocol.Reply) error {
	switch f := f.(type) {
	case protocol.Joined:
		return c.handleJoined(conn, f)
	case protocol.Full:
		return c.rejectJoin(conn, fullError(f))
	case protocol.Error:
		return c.handleJoinError(conn, f)
	default:
		return c.rejectJoin(conn, unexpected(f))
	}
}

// rejectJoin makes Join fail, or ends the client if it had the seat before.
func (c *Client) rejectJoin(conn *connection, err error) error {
	if c.seat.state == joining {
		conn.isReady = true
		c.seat.resolveJoin(protocol.Joined{}, err)
		c.seat = seat{}
		return nil
	}
	c.failLocked(err)
	return err
}

// handleJoinError handles an error reply to join. It must be called with c.mu held.
func (c *Client) handleJoinError(conn *connection, fault protocol.Error) error {
	first := c.seat.state == joining
	switch {
	case fault.Code == protocol.CodeUnknown, !first && fault.Retry:
		c.retryAfter = fault.After.Duration()
		return fault // reconnect later
	case first || c.seat.resume == "":
		return c.rejectJoin(conn, fault)
	}
	// The seat cannot be reclaimed.
	c.seat.resume = ""
	if leave := c.outbox.pendingLeave(); leave != nil { // because it was left
		conn.isReady = true
		c.outbox.resolve(leave, protocol.Left{ID: leave.id}, nil)
		c.endSession()
		return nil
	}
	c.seat.nonce = rand.Text()
	conn.joinSent = false
	return nil
}

// endSession forgets the seat after a leave. It must be called with c.mu held.
func (c *Client) endSession() {
	c.outbox.failMessages()
	c.seat = seat{}
}

// handleJoined records that the seat is taken. It must be called with c.mu held.
func (c *Client) handleJoined(conn *connection, f protocol.Joined) error {
	now := time.Now()
	first := c.seat.state == joining
	c.seat.state, c.seat.room, c.seat.resume = seated, f.Room, f.Resume
	c.seat.ping = f.Ping.Duration()
	if !f.Resumed || first {
		c.seat.seq, c.seat.confirmed = 0, 0
	} else {
		c.seat.confirmed = c.seat.seq
	}
	conn.isReady, conn.readyAt = true, now
	conn.confirmAt, conn.clockCheckedAt, conn.wallCheckedAt = time.Time{}, now, c.wall()
	if c.seat.ping > 0 {
		conn.pingAt = now.Add(c.seat.ping)
	}
	close(conn.ready)
	if first {
		c.seat.resolveJoin(f, nil)
		return nil
	}
	if !f.Resumed {
		c.outbox.failMessages()
	}
	if !c.seat.away {
		return nil
	}
	c.seat.away = false
	return c.queueEvent(Rejoined{Resumed: f.Resumed, Joined: f})
}

// handleFrame handles a frame from the server.
func (c *Client) handleFrame(conn *connection, text []byte) error {
	f, err := protocol.DecodeServerFrame(text)
	if err != nil { // perhaps of a later version of the protocol
		c.log.Debug("frame ignored", "err", err)
		return c.skipUnknown(text)
	}
	if conn.isHTTP() {
		if event, ok := f.(Event); ok && event.EventSeq() != 0 && !c.awaitJoined(conn) {
			return nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer conn.wakeWriter()
	if c.err != nil { // the client has ended
		return nil
	}
	if r, ok := f.(protocol.Reply); ok {
		fault, isError := f.(protocol.Error)
		if !isError || fault.ID != 0 {
			return c.handleReply(conn, r)
		}
	}
	if event, ok := f.(Event); ok {
		return c.handleEvent(event)
	}
	return nil
}

// skipUnknown counts an event that this client does not know.
func (c *Client) skipUnknown(text []byte) error {
	var event struct {
		Seq uint64 `json:"seq"`
	}
	if c.config.NoReconnect || json.Unmarshal(text, &event) != nil || event.Seq == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.acceptSeq(event.Seq)
	return err
}

// awaitJoined waits until the join is answered, because over HTTP an event may
// overtake the reply. It returns false if the connection fails.
func (c *Client) awaitJoined(conn *connection) bool {
	c.mu.Lock()
	ready := conn.ready
	c.mu.Unlock()
	select {
	case <-ready:
		return true
	case <-conn.failed:
		return false
	}
}

// handleReply handles a reply. It must be called with c.mu held.
func (c *Client) handleReply(conn *connection, f protocol.Reply) error {
	if !c.config.NoReconnect && conn.joinSent && !conn.isReady {
		if f.ReplyID() == c.joinID() {
			return c.handleJoinReply(conn, f)
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
		c.outbox.resolve(r, f, nil)
		if r.leave && !c.config.NoReconnect {
			c.endSession()
		}
		return nil
	}
	if c.config.NoReconnect || !c.outbox.mayRetry(r, fault, time.Now()) {
		c.outbox.resolve(r, nil, fault)
	}
	return nil
}

// handleEvent handles an event. It must be called with c.mu held.
func (c *Client) handleEvent(event Event) error {
	if !c.config.NoReconnect {
		if closing, ok := event.(protocol.Closing); ok {
			c.retryAfter = jitter(closing.After.Duration())
		}
		if fresh, err := c.acceptSeq(event.EventSeq()); !fresh {
			return err
		}
	}
	return c.queueEvent(event)
}

// acceptSeq reports whether an event is new, by its sequence number. It returns
// errGap if an event was skipped. It must be called with c.mu held.
func (c *Client) acceptSeq(seq uint64) (fresh bool, err error) {
	switch {
	case seq == 0:
		return true, nil // a notice
	case c.seat.state != seated || seq <= c.seat.seq:
		return false, nil
	case seq != c.seat.seq+1:
		return false, errGap
	}
	c.seat.seq = seq
	if conn := c.conn; conn != nil && conn.confirmAt.IsZero() {
		conn.confirmAt = time.Now().Add(confirmWithin)
	}
	return true, nil
}
