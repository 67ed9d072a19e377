package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"callbox/signaling/protocol"
)

// Send sends data, marshalled as JSON, to one peer, or to everybody else in
// the room when to is empty. The ack says who will receive it; the error is a
// [protocol.Error] when nobody will, [ErrLost] when the server that was to know
// it has forgotten. While the connection is lost it waits.
func (c *Client) Send(ctx context.Context, to string, data any) (protocol.Ack, error) {
	sent, err := c.Post(to, data)
	if err != nil {
		return protocol.Ack{}, err
	}
	return sent.Ack(ctx)
}

// Post is Send that does not wait for the ack: messages posted one after the
// other need one round trip in all. They arrive in the order of the calls, except
// that one which was refused for the moment (queue_full, rate_limited) is
// repeated after those that were already on their way.
func (c *Client) Post(to string, data any) (*Sent, error) {
	raw, err := marshal(data)
	if err != nil {
		return nil, err
	}
	r := newRequest(func(id uint64) protocol.Request { return protocol.Message{ID: id, To: to, Data: raw} })
	r.size += len(raw)
	r.message = true
	if err := c.start(r); err != nil {
		return nil, err
	}
	return &Sent{c, r}, nil
}

// Sent is a message on its way to the server.
type Sent struct {
	client  *Client
	request *request
}

// Ack waits for the server's word, once: who will receive the message, or, as
// a [protocol.Error] or [ErrLost], that nobody will or that it is not known.
func (s *Sent) Ack(ctx context.Context) (protocol.Ack, error) {
	return as[protocol.Ack](s.client.result(ctx, s.request))
}

// Report tells the server's operator that event happened; data, marshalled as
// JSON, may be nil.
func (c *Client) Report(ctx context.Context, event string, data any) error {
	var raw json.RawMessage
	if data != nil {
		var err error
		if raw, err = marshal(data); err != nil {
			return err
		}
	}
	_, err := call[protocol.Ack](ctx, c, func(id uint64) protocol.Request {
		return protocol.Report{ID: id, Event: event, Data: raw}
	})
	return err
}

// ICE asks for fresh ICE servers.
func (c *Client) ICE(ctx context.Context) (protocol.ICEReply, error) {
	return call[protocol.ICEReply](ctx, c, func(id uint64) protocol.Request { return protocol.ICE{ID: id} })
}

// Ping asks the server whether it is there.
func (c *Client) Ping(ctx context.Context) error {
	_, err := call[protocol.Pong](ctx, c, func(id uint64) protocol.Request { return protocol.Ping{ID: id} })
	return err
}

// Leave gives the seat up. The connection stays; another Join may follow, soon.
func (c *Client) Leave(ctx context.Context) error {
	r := newRequest(func(id uint64) protocol.Request { return protocol.Leave{ID: id} })
	r.leave = true
	if err := c.start(r); err != nil {
		return err
	}
	_, err := as[protocol.Left](c.result(ctx, r))
	return err
}

// call makes a request whose reply is an R.
func call[R protocol.Reply](ctx context.Context, c *Client, build func(id uint64) protocol.Request) (R, error) {
	r := newRequest(build)
	if err := c.start(r); err != nil {
		var none R
		return none, err
	}
	return as[R](c.result(ctx, r))
}

// as makes an R of what request returned.
func as[R protocol.Reply](reply protocol.Frame, err error) (R, error) {
	r, ok := reply.(R)
	if err == nil && !ok {
		err = unexpected(reply)
	}
	return r, err
}

// start puts a request into the outbox.
func (c *Client) start(r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if !c.outbox.add(r) {
		return ErrTooMany
	}
	if c.carrier != nil {
		c.carrier.nudge()
	}
	return nil
}

// result waits for the reply. An error reply comes back as error.
func (c *Client) result(ctx context.Context, r *request) (protocol.Frame, error) {
	select {
	case reply := <-r.reply:
		return reply.frame, reply.err
	default: // a reply that is there counts more than a context that has ended
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
	if raw, ok := data.(json.RawMessage); ok { // as it is: Marshal would compact it
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
