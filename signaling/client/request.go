package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

// call makes a request whose reply is an R.
func call[R protocol.Reply](ctx context.Context, c *Client, request func(id uint64) protocol.Request) (R, error) {
	return as[R](c.request(ctx, request))
}

// as makes an R of what request returned.
func as[R protocol.Reply](reply protocol.Frame, err error) (R, error) {
	r, ok := reply.(R)
	if err == nil && !ok {
		err = unexpected(reply)
	}
	return r, err
}

// request sends a request and waits for its reply. An error reply comes back
// as error.
func (c *Client) request(ctx context.Context, request func(id uint64) protocol.Request) (protocol.Frame, error) {
	w, err := c.start(request)
	if err != nil {
		return nil, err
	}
	return w.result(ctx)
}

// waiting is a request that was sent and whose reply is to come.
type waiting struct {
	client *Client
	id     uint64
	reply  chan protocol.Frame
}

func (c *Client) start(request func(id uint64) protocol.Request) (*waiting, error) {
	w := &waiting{client: c, reply: make(chan protocol.Frame, 1)}
	var err error
	w.id, err = c.send(w.reply, request)
	return w, err
}

func (w *waiting) result(ctx context.Context) (protocol.Frame, error) {
	defer w.client.drop(w.id)
	select {
	case f := <-w.reply:
		return result(f)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-w.client.ended:
	}
	select {
	case f := <-w.reply: // it came just before the end
		return result(f)
	default:
		return nil, w.client.Err()
	}
}

func result(f protocol.Frame) (protocol.Frame, error) {
	if fault, ok := f.(protocol.Error); ok {
		return nil, fault
	}
	return f, nil
}

// send writes a request under the next id. Ids go out in rising order because
// writing is held from their making on.
func (c *Client) send(reply chan protocol.Frame, request func(id uint64) protocol.Request) (uint64, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return 0, c.err
	}
	c.lastID++
	id := c.lastID
	c.pending[id] = reply
	c.mu.Unlock()

	err := c.ws.SetWriteDeadline(time.Now().Add(writeWait))
	if err == nil {
		err = c.ws.WriteMessage(websocket.TextMessage, protocol.Encode(request(id)))
	}
	if err != nil {
		c.drop(id)
		c.fail(fmt.Errorf("write: %w", err))
		_ = c.ws.Close() // so that the reader ends
		return 0, c.Err()
	}
	return id, nil
}

func (c *Client) drop(id uint64) {
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
}

// fail notes why the client ends; the first reason counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// read is the client's goroutine.
func (c *Client) read() {
	defer close(c.ended)
	defer close(c.events)
	defer c.ws.Close()
	for {
		_, text, err := c.ws.ReadMessage()
		if err != nil {
			c.fail(readError(err))
			return
		}
		f, err := protocol.DecodeServerFrame(text)
		if err != nil { // of a later version of the protocol, perhaps
			c.log.Debug("frame ignored", "err", err)
		} else if !c.take(f) {
			c.fail(ErrTooSlow)
			return
		}
		c.extend() // after take, which may have learned how often the server pings
	}
}

func readError(err error) error {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok && closed.Code != websocket.CloseAbnormalClosure {
		return &CloseError{Code: closed.Code, Text: closed.Text}
	}
	return fmt.Errorf("read: %w", err)
}

// take hands a frame to whoever waits for it. It returns false when there is
// no place for it.
func (c *Client) take(f protocol.Frame) bool {
	if joined, ok := f.(protocol.Joined); ok {
		c.mu.Lock()
		c.ping = joined.Ping.Duration()
		c.mu.Unlock()
	}
	if reply, ok := f.(protocol.Reply); ok && reply.ReplyID() != 0 {
		c.mu.Lock()
		waiting := c.pending[reply.ReplyID()]
		delete(c.pending, reply.ReplyID())
		c.mu.Unlock()
		if waiting != nil {
			waiting <- f // there is place for one, and only one comes
		}
		return true
	}
	event, ok := f.(protocol.Event)
	if !ok {
		return true // a reply to no request
	}
	select {
	case c.events <- event:
		return true
	default:
		return false
	}
}

// extend notes that the server is there. Once it pings, silence for more than
// two pings means that it is not.
func (c *Client) extend() {
	c.mu.Lock()
	ping := c.ping
	c.mu.Unlock()
	if ping > 0 {
		_ = c.ws.SetReadDeadline(time.Now().Add(2*ping + silenceSlack)) // fails only when closed
	}
}
