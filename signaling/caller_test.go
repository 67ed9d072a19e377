package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

// caller is a client whose requests wait for their replies, and whose events
// wait for Receive. It confirms events, and does not reconnect.
type caller struct {
	ws   *websocket.Conn
	name string
	done chan struct{} // closed when the connection has ended, and err is set

	writing sync.Mutex

	mu      sync.Mutex // guards the following
	lastID  uint64
	pending map[uint64]chan protocol.Frame
	events  []protocol.Event
	changed chan struct{} // closed when events grows
	err     error
}

type (
	fullError      struct{ protocol.Full }
	handshakeError struct {
		Status int
		Code   string
	}
)

func (e *fullError) Error() string { return "the room is full" }
func (e *handshakeError) Error() string {
	return fmt.Sprint("handshake refused: ", e.Status, " ", e.Code)
}

func dialCaller(ctx context.Context, dialer *websocket.Dialer, url, name string) (*caller, error) {
	ws, response, err := dialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+"/ws", http.Header{})
	if response != nil {
		defer response.Body.Close()
	}
	if errors.Is(err, websocket.ErrBadHandshake) {
		var body struct{ Code string }
		_ = json.NewDecoder(response.Body).Decode(&body)
		return nil, &handshakeError{Status: response.StatusCode, Code: body.Code}
	}
	if err != nil {
		return nil, err
	}
	c := &caller{
		ws: ws, name: name, done: make(chan struct{}),
		pending: make(map[uint64]chan protocol.Frame), changed: make(chan struct{}),
	}
	go c.read()
	return c, nil
}

func (c *caller) read() {
	defer close(c.done)
	for {
		_, text, err := c.ws.ReadMessage()
		if err == nil {
			err = c.handle(text)
		}
		if err != nil {
			_ = c.ws.Close()
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			return
		}
	}
}

func (c *caller) handle(text []byte) error {
	f, err := protocol.DecodeServerFrame(text)
	if err != nil {
		return err
	}
	if reply, ok := f.(protocol.Reply); ok && reply.ReplyID() != 0 {
		c.mu.Lock()
		answer := c.pending[reply.ReplyID()]
		delete(c.pending, reply.ReplyID())
		c.mu.Unlock()
		if answer == nil {
			return fmt.Errorf("nothing asked for %s", text)
		}
		answer <- f
		return nil
	}
	event, ok := f.(protocol.Event)
	if !ok {
		return fmt.Errorf("got %s by itself", text)
	}
	c.mu.Lock()
	c.events = append(c.events, event)
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	if seq := event.EventSeq(); seq > 0 && seq%16 == 0 {
		return c.write(protocol.Seen{Seq: seq})
	}
	return nil
}

func (c *caller) write(f protocol.Frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.ws.WriteMessage(websocket.TextMessage, protocol.Encode(f))
}

// ask sends the request that request returns for a new id, and waits for the
// reply.
func (c *caller) ask(ctx context.Context, request func(id uint64) protocol.Request) (protocol.Frame, error) {
	answer := make(chan protocol.Frame, 1)
	c.mu.Lock()
	c.lastID++
	id := c.lastID
	c.pending[id] = answer
	c.mu.Unlock()
	if err := c.write(request(id)); err != nil {
		return nil, err
	}
	select {
	case f := <-answer:
		if fault, ok := f.(protocol.Error); ok {
			return nil, fault
		}
		return f, nil
	case <-c.done:
		return nil, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *caller) Join(ctx context.Context, room string) (protocol.Joined, error) {
	f, err := c.ask(ctx, func(id uint64) protocol.Request { return protocol.Join{ID: id, Room: room, Name: c.name} })
	if full, ok := f.(protocol.Full); ok {
		return protocol.Joined{}, &fullError{full}
	}
	joined, _ := f.(protocol.Joined)
	return joined, err
}

func (c *caller) Leave(ctx context.Context) error {
	_, err := c.ask(ctx, func(id uint64) protocol.Request { return protocol.Leave{ID: id} })
	return err
}

func (c *caller) Ping(ctx context.Context) error {
	_, err := c.ask(ctx, func(id uint64) protocol.Request { return protocol.Ping{ID: id} })
	return err
}

func (c *caller) ICE(ctx context.Context) (protocol.ICEReply, error) {
	f, err := c.ask(ctx, func(id uint64) protocol.Request { return protocol.ICE{ID: id} })
	reply, _ := f.(protocol.ICEReply)
	return reply, err
}

func (c *caller) Report(ctx context.Context, event string, data json.RawMessage) error {
	_, err := c.ask(ctx, func(id uint64) protocol.Request { return protocol.Report{ID: id, Event: event, Data: data} })
	return err
}

func (c *caller) Send(ctx context.Context, to string, data any) (protocol.Ack, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return protocol.Ack{}, err
	}
	if raw, ok := data.(json.RawMessage); ok {
		text = raw // as it is
	}
	f, err := c.ask(ctx, func(id uint64) protocol.Request { return protocol.Message{ID: id, To: to, Data: text} })
	ack, _ := f.(protocol.Ack)
	return ack, err
}

// Receive returns the next event. After the last one it returns the error that
// ended the connection.
func (c *caller) Receive(ctx context.Context) (protocol.Event, error) {
	for {
		c.mu.Lock()
		var next protocol.Event
		if len(c.events) > 0 {
			next = c.events[0]
			c.events = c.events[1:]
		}
		changed, err := c.changed, c.err
		c.mu.Unlock()
		switch {
		case next != nil:
			return next, nil
		case err != nil:
			return nil, err
		}
		select {
		case <-changed:
		case <-c.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Waiting returns how many events wait for Receive.
func (c *caller) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// Close breaks the connection.
func (c *caller) Close() error {
	err := c.ws.Close()
	<-c.done
	return err
}

func (s *testServer) call(ctx context.Context, name string) (*caller, error) {
	return dialCaller(ctx, &websocket.Dialer{NetDialContext: s.dialFunc}, s.url, name)
}

func (s *testServer) dial(tb testing.TB, name string) *caller {
	tb.Helper()
	c, err := s.call(within(tb), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *testServer) join(tb testing.TB, name, room string) (*caller, protocol.Joined) {
	tb.Helper()
	c := s.dial(tb, name)
	joined, err := c.Join(within(tb), room)
	if err != nil {
		tb.Fatalf("%s joins %q: %v", name, room, err)
	}
	return c, joined
}

// receive returns the next event, which must be an E.
func receive[E protocol.Event](tb testing.TB, c *caller) E {
	tb.Helper()
	event, err := c.Receive(within(tb))
	if err != nil {
		tb.Fatalf("Receive: %v", err)
	}
	e, ok := event.(E)
	if !ok {
		tb.Fatalf("received %#v, want a %T", event, e)
	}
	return e
}
