package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"callbox/signaling/protocol"
)

// The client reconnects at once, then after a random part of a time that doubles
// from firstBackoff to longestBackoff.
const (
	firstBackoff   = 300 * time.Millisecond
	longestBackoff = 15 * time.Second
	maxRetryAfter  = time.Minute      // even if a server asks for a longer wait
	stableAfter    = 10 * time.Second // a connection that lasted this long resets the backoff
)

// run is the client's goroutine: it reads and reconnects until the client ends.
func (c *Client) run(conn *connection) {
	defer c.shutdown()
	attempt := 0
	for {
		err := c.readLoop(conn)
		if !c.mayReconnect(err) {
			return
		}
		if !conn.readyAt.IsZero() && time.Since(conn.readyAt) >= stableAfter {
			attempt = 0
		}
		if conn, attempt = c.reconnect(attempt); conn == nil {
			return
		}
	}
}

// readLoop handles the frames of a connection until it fails, and returns why.
func (c *Client) readLoop(conn *connection) error {
	var writing sync.WaitGroup
	writing.Go(func() { c.writeLoop(conn) })
	conn.noteActivity()
	for {
		text, err := conn.receive()
		if err == nil {
			err = c.handleFrame(conn, text)
		}
		if err != nil {
			conn.fail(err)
			break
		}
	}
	writing.Wait()
	return conn.err
}

// mayReconnect notes that the connection is lost, and reports whether the client
// is to reconnect.
func (c *Client) mayReconnect(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.conn
	c.conn = nil
	c.dialer.recordOutcome(conn.transport, conn.joinSent && !conn.isReady)
	if c.config.NoReconnect || c.seat.state == outside || isFinal(err) {
		c.failLocked(err)
	}
	if c.err != nil {
		return false
	}
	c.log.Debug("connection lost", "err", err)
	if closed, ok := errors.AsType[*CloseError](err); ok && closed.Code == protocol.CloseTooLarge {
		c.outbox.failLargest()
	}
	if c.seat.state == seated && !c.seat.away {
		c.seat.away = true
		return c.queueEvent(Interrupted{Err: err}) == nil
	}
	return true
}

// reconnect tries to connect until it succeeds. It returns nil if the client has
// ended.
func (c *Client) reconnect(attempt int) (*connection, int) {
	for ; ; attempt++ {
		if !c.sleep(c.delay(attempt)) {
			return nil, attempt
		}
		t, err := c.dialer.redial(c.ctx)
		if err == nil {
			return c.attach(t), attempt + 1
		}
		c.log.Debug("no connection", "attempt", attempt+1, "err", err)
		refused, ok := errors.AsType[*HandshakeError](err)
		if ok && refused.isFinal() {
			c.fail(err)
			return nil, attempt
		}
		c.mu.Lock()
		if ok {
			c.retryAfter = max(c.retryAfter, refused.After)
		}
		gone := c.err != nil || c.seat.state == outside // Join was cancelled
		if gone {
			c.failLocked(err)
		}
		c.mu.Unlock()
		if gone {
			return nil, attempt
		}
	}
}

// attach makes t the client's connection. It returns nil if the client has been
// closed in the meantime.
func (c *Client) attach(t transport) *connection {
	conn := newConnection(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		conn.abort()
		return nil
	}
	c.outbox.markUnsent()
	c.conn = conn
	return conn
}

// delay returns how long to wait before the next attempt: with full jitter, and
// at least as long as the server asked.
func (c *Client) delay(attempt int) time.Duration {
	c.mu.Lock()
	retryAfter := min(c.retryAfter, maxRetryAfter)
	c.retryAfter = 0
	c.mu.Unlock()
	if attempt == 0 {
		return retryAfter
	}
	most := longestBackoff
	if attempt < 7 {
		most = min(most, firstBackoff<<(attempt-1))
	}
	return retryAfter + jitter(most)
}

// jitter returns a random duration from 0 to d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d) //nolint:gosec // spreads load, keeps no secret
}

// sleep waits for d, or until the machine wakes up from sleep. It returns false if
// the client ends meanwhile.
func (c *Client) sleep(d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return c.ctx.Err() == nil
		}
		start, wall := time.Now(), c.wall()
		if !wait(c.ctx, min(left, clockCheckPeriod)) {
			return false
		}
		if c.wall().Sub(wall)-time.Since(start) > sleepThreshold {
			return true
		}
	}
}

// wait waits for d. It returns false if ctx ends meanwhile.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
