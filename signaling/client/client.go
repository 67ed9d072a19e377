// Package client speaks the signaling protocol as a peer: it joins rooms of a
// callbox server, sends messages and receives events.
//
// A [Client] is one WebSocket connection. It answers the server's pings by
// itself. It does not come back when the connection breaks: Receive and every
// request then return why, and the caller dials anew.
package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

const (
	eventQueue   = 1024             // events that wait for Receive
	frameLimit   = 16 << 20         // of what a server sends; a room may have many peers
	writeWait    = 10 * time.Second // for one frame
	closeWait    = 2 * time.Second  // for the server's close after ours
	silenceSlack = 5 * time.Second  // beyond two of the server's pings
)

// Config says how to reach a server.
type Config struct {
	// URL is the server's address: http, https, ws or wss. /ws is added to its
	// path unless it ends so.
	URL string
	// TLS is for https and wss; nil = the defaults.
	TLS *tls.Config
	// Name is the peer's name for people; may be empty.
	Name string
	// Header goes with the handshake; may be nil.
	Header http.Header
	// DialContext opens the connection; nil = a net.Dialer's.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// NoReconnect makes the client one bare WebSocket connection: it does not
	// come back when that breaks, confirms nothing by itself, and hands out what
	// the server says as it is. For tests of servers, and for tools.
	NoReconnect bool
	// Logger takes what happens, at debug; nil = none.
	Logger *slog.Logger
}

// Client is a connection to a server. Its methods are safe for concurrent use.
type Client struct {
	// Static after construction.
	ws   *websocket.Conn
	name string
	log  *slog.Logger

	events chan protocol.Event // closed by the reader, at its end
	ended  chan struct{}       // closed by the reader, at its end

	writing sync.Mutex // held for one write

	mu      sync.Mutex // guards the following
	lastID  uint64
	pending map[uint64]chan protocol.Frame
	err     error         // why the client ended; nil = it has not
	ping    time.Duration // the server's, once joined
}

// Dial connects to a server. ctx bounds the dialing only. The error is a
// [*HandshakeError] when the server refused.
func Dial(ctx context.Context, config Config) (*Client, error) {
	endpoint, err := endpointOf(config.URL)
	if err != nil {
		return nil, err
	}
	dialer := websocket.Dialer{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: config.TLS,
		NetDialContext:  config.DialContext,
		Subprotocols:    []string{protocol.Subprotocol},
	}
	ws, response, err := dialer.DialContext(ctx, endpoint, config.Header)
	if err != nil {
		return nil, handshakeError(ctx, response, err)
	}
	c := &Client{
		ws:      ws,
		name:    config.Name,
		log:     config.Logger,
		events:  make(chan protocol.Event, eventQueue),
		ended:   make(chan struct{}),
		pending: make(map[uint64]chan protocol.Frame),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	ws.SetReadLimit(frameLimit)
	answer := ws.PingHandler()
	ws.SetPingHandler(func(text string) error {
		c.extend()
		return answer(text)
	})
	go c.read() // ends with the connection; Close waits for it
	return c, nil
}

// endpointOf returns the WebSocket address for what a user calls the server.
func endpointOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("server address: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("server address %q does not begin with http:// or https://", address)
	}
	if u.Host == "" {
		return "", fmt.Errorf("server address %q names no host", address)
	}
	if !strings.HasSuffix(u.Path, "/ws") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/ws"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String(), nil
}

func handshakeError(ctx context.Context, response *http.Response, err error) error {
	if response == nil {
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("dial: %w", cause)
		}
		return fmt.Errorf("dial: %w", err)
	}
	defer response.Body.Close()
	refused := &HandshakeError{Status: response.StatusCode}
	text, readErr := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if readErr == nil && json.Unmarshal(text, refused) != nil {
		refused.Message = strings.TrimSpace(string(text))
	}
	return refused
}

// Join takes a seat in room. The error is a [*FullError] when there is none,
// a [protocol.Error] when the server refuses.
func (c *Client) Join(ctx context.Context, room string) (protocol.Joined, error) {
	reply, err := c.request(ctx, func(id uint64) protocol.Request {
		return protocol.Join{ID: id, Room: room, Name: c.name}
	})
	if err != nil {
		return protocol.Joined{}, err
	}
	switch f := reply.(type) {
	case protocol.Joined:
		return f, nil
	case protocol.Full:
		return protocol.Joined{}, &FullError{Room: f.Room, Capacity: f.Capacity}
	default:
		return protocol.Joined{}, unexpected(reply)
	}
}

// Send sends data, marshalled as JSON, to one peer, or to everybody else in
// the room when to is empty. The ack says who will receive it; the error is a
// [protocol.Error] when nobody will.
func (c *Client) Send(ctx context.Context, to string, data any) (protocol.Ack, error) {
	sent, err := c.Post(to, data)
	if err != nil {
		return protocol.Ack{}, err
	}
	return sent.Ack(ctx)
}

// Post is Send that does not wait for the ack: messages posted one after the
// other need one round trip in all. They arrive in the order of the calls. The
// caller must call Ack on what it returns.
func (c *Client) Post(to string, data any) (*Sent, error) {
	raw, err := marshal(data)
	if err != nil {
		return nil, err
	}
	w, err := c.start(func(id uint64) protocol.Request {
		return protocol.Message{ID: id, To: to, Data: raw}
	})
	if err != nil {
		return nil, err
	}
	return &Sent{w}, nil
}

// Sent is a message on its way to the server.
type Sent struct{ waiting *waiting }

// Ack waits for the server's word, once: who will receive the message, or, as
// a [protocol.Error], that nobody will.
func (s *Sent) Ack(ctx context.Context) (protocol.Ack, error) {
	return as[protocol.Ack](s.waiting.result(ctx))
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

// Leave gives the seat up. The connection stays; another Join may follow.
func (c *Client) Leave(ctx context.Context) error {
	_, err := call[protocol.Left](ctx, c, func(id uint64) protocol.Request { return protocol.Leave{ID: id} })
	return err
}

// Receive returns the next event, in the server's order: a
// [protocol.OtherJoined], [protocol.MessageEvent] or [protocol.Bye], or a
// notice: [protocol.Closing] or [protocol.Error]. It must be called often
// enough: a client with 1024 events waiting ends with [ErrTooSlow]. When the
// connection has ended it returns what was still waiting, and then why.
func (c *Client) Receive(ctx context.Context) (protocol.Event, error) {
	select {
	case event, ok := <-c.events:
		if !ok {
			return nil, c.Err()
		}
		return event, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Waiting returns how many events wait to be received.
func (c *Client) Waiting() int { return len(c.events) }

// Done returns a channel that is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Err returns why the connection ended, nil while it has not: [ErrClosed]
// after Close, a [*CloseError] when the server closed it, else what broke.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection in order and waits for the client's goroutine.
// The others in the room hear that this peer is gone (reason timeout); to tell
// them that it left, Leave first. It may be called more than once.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	deadline := time.Now().Add(closeWait)
	farewell := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := c.ws.WriteControl(websocket.CloseMessage, farewell, deadline); err == nil {
		timer := time.NewTimer(closeWait)
		select {
		case <-c.ended:
		case <-timer.C:
		}
		timer.Stop()
	}
	err := c.ws.Close()
	<-c.ended
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
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
