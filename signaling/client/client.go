// Package client speaks the signaling protocol as a peer: it joins rooms of a
// callbox server, sends messages and receives events.
//
// A [Client] keeps its seat by itself. When its connection breaks it comes back,
// takes its session up where it was, repeats what was not answered, and confirms
// what it received, so that requests wait and events come exactly once. Where a
// WebSocket cannot be opened it speaks plain HTTP. The caller hears of it as
// [Interrupted] and [Rejoined].
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
	eventQueue = 1024             // events that wait for Receive
	frameLimit = 16 << 20         // of what a server sends; a room may have many peers
	writeWait  = 10 * time.Second // for one frame
	closeWait  = 2 * time.Second  // for the server's close after ours
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
	// Token says that the peer may join; empty = it has none.
	Token string
	// Header goes with the handshake; may be nil.
	Header http.Header
	// DialContext opens the connection; nil = a net.Dialer's.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// NoReconnect makes the client one bare WebSocket connection, which suits tests
	// of servers: it does not come back when that breaks, confirms nothing by
	// itself, and hands out what the server says as it is.
	NoReconnect bool
	// Logger takes what happens, at debug; nil = none.
	Logger *slog.Logger

	wall func() time.Time // the clock that goes on while the machine sleeps; nil = the system's
}

// Client is a peer of a server. Its methods are safe for concurrent use.
type Client struct {
	// Static after construction.
	config Config
	dialer *dialer
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // of the client's goroutines
	cancel context.CancelCauseFunc
	wall   func() time.Time // the clock that goes on while the machine sleeps

	events chan Event    // closed by run, at its end
	ended  chan struct{} // closed by run, at its end

	mu      sync.Mutex // guards the following
	err     error      // why the client ended; nil = it has not
	carrier *carrier   // the connection; nil = on the way to one
	seat    seat
	outbox  outbox
	holdOff time.Duration // how long the server asked to stay away
}

// Dial connects to a server. ctx bounds the dialing only. The error is a
// [*HandshakeError] when the server refused. The caller must call Close.
func Dial(ctx context.Context, config Config) (*Client, error) {
	c, err := newClient(config)
	if err != nil {
		return nil, err
	}
	l, err := c.dialer.first(ctx)
	if err != nil {
		c.cancel(err)
		c.dialer.close()
		return nil, err
	}
	k := newCarrier(l)
	c.carrier = k
	go c.run(k) // ends with the client; Close waits for it
	return c, nil
}

func newClient(config Config) (*Client, error) {
	c := &Client{
		config: config,
		log:    config.Logger,
		wall:   config.wall,
		events: make(chan Event, eventQueue),
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

// Receive returns the next event, in the server's order and once: a
// [protocol.OtherJoined], [protocol.MessageEvent], [protocol.Away],
// [protocol.Back] or [protocol.Bye]; a notice: [protocol.Closing] or
// [protocol.Error]; or what becomes of the connection: [Interrupted] or
// [Rejoined]. It must be called often enough: a client with 1024 events waiting
// ends with [ErrTooSlow]. When the client has ended it returns what was still
// waiting, and then why.
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

// Waiting returns how many events wait to be received.
func (c *Client) Waiting() int { return len(c.events) }

// Done returns a channel that is closed when the client has ended.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Err returns why the client ended, nil while it has not: [ErrClosed] after
// Close, a [*CloseError] when the server closed it for good, a [*FullError] when
// others took its seat while it was away, else what broke.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection in order and waits for the client's goroutines.
// What was posted and not acked may be lost. The others in the room hear that
// this peer is away, and after the grace time that it is gone; to tell them that
// it left, Leave first. It may be called more than once.
func (c *Client) Close() error {
	c.mu.Lock()
	k := c.carrier
	if k != nil && c.err == nil && c.seat.state == joining && k.joinSent {
		k.goodbye = true
	}
	c.failLocked(ErrClosed)
	c.mu.Unlock()
	c.cancel(ErrClosed)
	if k != nil {
		k.nudge() // the writer closes in order
		timer := time.NewTimer(closeWait)
		select {
		case <-c.ended:
		case <-timer.C:
		}
		timer.Stop()
		k.lose(ErrClosed)
	}
	<-c.ended
	return nil
}

// fail notes why the client ends; the first reason counts.
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

// push gives the caller an event. c.mu is held.
func (c *Client) push(event Event) error {
	select {
	case c.events <- event:
		return nil
	default:
		c.failLocked(ErrTooSlow)
		return ErrTooSlow
	}
}

// finish ends everything that waits.
func (c *Client) finish() {
	c.mu.Lock()
	c.carrier = nil
	c.outbox.failAll(c.err)
	c.seat.answer(protocol.Joined{}, c.err)
	c.mu.Unlock()
	c.cancel(c.err)
	c.dialer.close()
	close(c.events)
	close(c.ended)
}

// isFinal says whether the server's close is for good.
func isFinal(err error) bool {
	closed, ok := errors.AsType[*CloseError](err)
	if !ok {
		return false
	}
	switch closed.Code {
	case protocol.CloseLeft, protocol.ClosePolicy, protocol.CloseTakenOver:
		return true
	default:
		return false
	}
}
