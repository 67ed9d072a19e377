// Package client speaks the signaling protocol as a peer: it joins rooms of a
// callbox server, sends messages and receives events.
//
// A [Client] keeps its seat by itself. When its connection breaks, it reconnects,
// resumes its session, repeats the requests that were not answered, and confirms
// the events that it received. So requests wait meanwhile, and each event arrives
// exactly once. Where a WebSocket cannot be opened, it uses plain HTTP. It informs
// the caller with [Interrupted] and [Rejoined].
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"callbox/signaling/protocol"
)

const (
	maxEvents     = 1024             // events that wait for Receive
	maxFrameBytes = 16 << 20         // of a frame from the server; a room may have many peers
	writeTimeout  = 10 * time.Second // for one frame
	closeTimeout  = 2 * time.Second  // for the server's close after ours
)

// Config says how to reach a server.
type Config struct {
	// URL is the server's address: http, https, ws or wss. If its path does not
	// end in /ws, that is appended.
	URL string
	// TLS is used for https and wss; nil = the defaults of crypto/tls.
	TLS *tls.Config
	// Name is the peer's display name; it may be empty.
	Name string
	// Token is a join token, for servers that require one; empty = none.
	Token string
	// Header is added to every request to the server; it may be nil.
	Header http.Header
	// DialContext opens TCP connections; nil = that of a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// NoReconnect makes the client a single bare WebSocket connection, for tests
	// of servers: it does not reconnect, sends no confirmations, and returns
	// everything that the server sends as it is.
	NoReconnect bool
	// Logger receives debug messages; nil = none.
	Logger *slog.Logger

	wall func() time.Time // a clock that advances while the machine sleeps; nil = the system's
}

// Client is a peer of a server. Its methods are safe for concurrent use.
type Client struct {
	// Static after construction.
	config Config
	dialer *dialer
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // for the client's goroutines
	cancel context.CancelCauseFunc
	wall   func() time.Time // a clock that advances while the machine sleeps

	events chan Event    // closed when run returns
	ended  chan struct{} // closed when run returns

	mu         sync.Mutex  // guards the following
	err        error       // why the client ended; nil = it has not
	conn       *connection // nil while reconnecting
	seat       seat
	outbox     outbox
	retryAfter time.Duration // how long the server asked to wait before reconnecting
}

// Dial connects to a server. ctx bounds only the dialing, not the life of the
// client. The error is a [*HandshakeError] if the server refused the connection.
// The caller must call Close.
func Dial(ctx context.Context, config Config) (*Client, error) {
	c, err := newClient(config)
	if err != nil {
		return nil, err
	}
	t, err := c.dialer.dial(ctx)
	if err != nil {
		c.cancel(err)
		c.dialer.close()
		return nil, err
	}
	c.conn = newConnection(t)
	go c.run(c.conn) // ends with the client; Close waits for it
	return c, nil
}

func newClient(config Config) (*Client, error) {
	c := &Client{
		config: config,
		log:    config.Logger,
		wall:   config.wall,
		events: make(chan Event, maxEvents),
		ended:  make(chan struct{}),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.wall == nil {
		c.wall = func() time.Time { return time.Now().Round(0) }
	}
	var err error
	if c.dialer, err = newDialer(&c.config, c.log); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c, nil
}

// Receive waits for the next event and returns it. Events come in the server's
// order, each once. They are [protocol.OtherJoined], [protocol.MessageEvent],
// [protocol.Away], [protocol.Back] and [protocol.Bye]; the notices
// [protocol.Closing] and [protocol.Error]; and [Interrupted] and [Rejoined],
// about the connection. Receive must be called often enough: a client with 1024
// waiting events ends with [ErrTooSlow]. After the client has ended, Receive
// returns the events that are still waiting, and then the error of Err.
func (c *Client) Receive(ctx context.Context) (Event, error) {
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

// Waiting returns the number of events that wait to be received.
func (c *Client) Waiting() int { return len(c.events) }

// Done returns a channel that is closed when the client has ended.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Err returns why the client ended, or nil if it has not. The error is
// [ErrClosed] after Close, a [*CloseError] if the server closed the connection
// for good, a [*FullError] if others took the seat while the client was away, and
// otherwise what broke.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close closes the connection gracefully and waits for the client's goroutines.
// Messages that were posted but not acked may be lost. The others in the room
// learn that this peer is away and, after the grace time, that it is gone; call
// Leave first to tell them that it left. Close may be called more than once.
func (c *Client) Close() error {
	c.mu.Lock()
	conn := c.conn
	if conn != nil && c.err == nil && c.seat.state == joining && conn.joinSent {
		conn.leaving = true
	}
	c.failLocked(ErrClosed)
	c.mu.Unlock()
	c.cancel(ErrClosed)
	if conn != nil {
		conn.wakeWriter() // the writer closes the connection gracefully
		timer := time.NewTimer(closeTimeout)
		select {
		case <-c.ended:
		case <-timer.C:
		}
		timer.Stop()
		conn.fail(ErrClosed)
	}
	<-c.ended
	return nil
}

// fail sets why the client ends. Only the first error is kept.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *Client) failLocked(err error) {
	if c.err == nil {
		c.err = err
	}
}

// queueEvent queues an event for Receive. It must be called with c.mu held.
func (c *Client) queueEvent(event Event) error {
	select {
	case c.events <- event:
		return nil
	default:
		c.failLocked(ErrTooSlow)
		return ErrTooSlow
	}
}

// shutdown fails everything that waits and marks the client as ended.
func (c *Client) shutdown() {
	c.mu.Lock()
	c.conn = nil
	c.outbox.failAll(c.err)
	c.seat.resolveJoin(protocol.Joined{}, c.err)
	c.mu.Unlock()
	c.cancel(c.err)
	c.dialer.close()
	close(c.events)
	close(c.ended)
}

// isFinal reports whether the server closed the connection with a code that
// means: do not reconnect.
func isFinal(err error) bool {
	closed, ok := errors.AsType[*CloseError](err)
	return ok && protocol.IsFinalClose(closed.Code)
}
