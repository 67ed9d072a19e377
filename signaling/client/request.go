package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"callbox/signaling/protocol"
)

// Send sends data, marshalled as JSON, to one peer, or to all others in the room
// if to is empty, and waits for the ack, which says who will receive it. The error
// is a [protocol.Error] if no one will, and [ErrLost] if that is unknown because
// the server has forgotten the session. While the connection is lost, Send waits.
func (c *Client) Send(ctx context.Context, to string, data any) (protocol.Ack, error) {
	sent, err := c.Post(to, data)
	if err != nil {
		return protocol.Ack{}, err
	}
	return sent.Ack(ctx)
}

// Post is like Send but does not wait for the ack, so that several messages need
// only one round trip. They arrive in the order of the calls, except that a
// message that was refused for the moment (queue_full, rate_limited) is repeated
// after those that were already in flight. The error is [ErrTooMany] if too many
// requests wait.
func (c *Client) Post(to string, data any) (*Sent, error) {
	raw, err := marshal(data)
	if err != nil {
		return nil, err
	}
	r := newRequest(func(id uint64) protocol.Request { return protocol.Message{ID: id, To: to, Data: raw} })
	r.size += len(raw)
	r.message = true
	if err := c.enqueue(r); err != nil {
		return nil, err
	}
	return &Sent{c, r}, nil
}

// Sent is a message that was posted.
type Sent struct {
	client  *Client
	request *request
}

// Ack waits for the server's answer and returns it as Send does. It may be called
// only once.
func (s *Sent) Ack(ctx context.Context) (protocol.Ack, error) {
	return replyAs[protocol.Ack](s.client.awaitReply(ctx, s.request))
}

// Report reports an event to the server's operator. data is marshalled as
// JSON; it may be nil.
func (c *Client) Report(ctx context.Context, event string, data any) error {
	var raw json.RawMessage
	if data != nil {
		var err error
		if raw, err = marshal(data); err != nil {
			return err
		}
	}
	_, err := roundTrip[protocol.Ack](ctx, c, func(id uint64) protocol.Request {
		return protocol.Report{ID: id, Event: event, Data: raw}
	})
	return err
}

// ICE asks the server for ICE servers with fresh credentials.
func (c *Client) ICE(ctx context.Context) (protocol.ICEReply, error) {
	return roundTrip[protocol.ICEReply](ctx, c, func(id uint64) protocol.Request { return protocol.ICE{ID: id} })
}

// Ping sends a ping and waits for the pong.
func (c *Client) Ping(ctx context.Context) error {
	_, err := roundTrip[protocol.Pong](ctx, c, func(id uint64) protocol.Request { return protocol.Ping{ID: id} })
	return err
}

// Leave gives up the seat. The connection stays open for another Join, which must
// follow soon, or the server closes the connection.
func (c *Client) Leave(ctx context.Context) error {
	r := newRequest(func(id uint64) protocol.Request { return protocol.Leave{ID: id} })
	r.leave = true
	if err := c.enqueue(r); err != nil {
		return err
	}
	_, err := replyAs[protocol.Left](c.awaitReply(ctx, r))
	return err
}

// roundTrip makes a request and waits for its reply, which must be an R.
func roundTrip[R protocol.Reply](ctx context.Context, c *Client, build func(id uint64) protocol.Request) (R, error) {
	r := newRequest(build)
	if err := c.enqueue(r); err != nil {
		var none R
		return none, err
	}
	return replyAs[R](c.awaitReply(ctx, r))
}

// replyAs returns a reply as an R, or an error if it is not one.
func replyAs[R protocol.Reply](reply protocol.Frame, err error) (R, error) {
	r, ok := reply.(R)
	if err == nil && !ok {
		err = unexpected(reply)
	}
	return r, err
}

// enqueue puts a request into the outbox and wakes the writer.
func (c *Client) enqueue(r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if !c.outbox.add(r) {
		return ErrTooMany
	}
	if c.conn != nil {
		c.conn.wakeWriter()
	}
	return nil
}

// awaitReply waits for the reply to a request. It returns an error reply as an
// error.
func (c *Client) awaitReply(ctx context.Context, r *request) (protocol.Frame, error) {
	select {
	case reply := <-r.reply:
		return reply.frame, reply.err
	default: // a reply that has arrived takes precedence over a context that has ended
	}
	select {
	case reply := <-r.reply:
		return reply.frame, reply.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.outbox.withdraw(r)
		return nil, context.Cause(ctx)
	}
}

func marshal(data any) (json.RawMessage, error) {
	if raw, ok := data.(json.RawMessage); ok { // sent as it is, because Marshal would compact it
		if !json.Valid(raw) {
			return nil, errors.New("data is not valid JSON")
		}
		return raw, nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return raw, nil
}
