package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"callbox/signaling/protocol"
)

// How the client comes back: at once, then after a random part of a time that
// doubles from firstBackoff to longestBackoff.
const (
	firstBackoff   = 300 * time.Millisecond
	longestBackoff = 15 * time.Second
	holdOffMax     = time.Minute      // however long a server asks to stay away
	steady         = 10 * time.Second // a line that held so long begins anew
)

// run is the client's goroutine: it reads, and comes back.
func (c *Client) run(k *carrier) {
	defer c.finish()
	attempt := 0
	for {
		err := c.serve(k)
		if !c.mayReturn(err) {
			return
		}
		if !k.began.IsZero() && time.Since(k.began) >= steady {
			attempt = 0
		}
		if k, attempt = c.comeBack(attempt); k == nil {
			return
		}
	}
}

// serve reads a line to its end, and returns why it ended.
func (c *Client) serve(k *carrier) error {
	var writing sync.WaitGroup
	writing.Go(func() { c.write(k) })
	k.hear()
	for {
		text, err := k.receive()
		if err == nil {
			err = c.frame(k, text)
		}
		if err != nil {
			k.lose(err)
			break
		}
	}
	writing.Wait()
	return k.err
}

// mayReturn notes that the line is lost, and says whether to come back.
func (c *Client) mayReturn(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.carrier
	c.carrier = nil
	c.dialer.judge(k.line, k.joinSent && !k.isReady)
	if c.config.NoReconnect || c.seat.state == outside || isFinal(err) {
		c.failLocked(err)
	}
	if c.err != nil {
		return false
	}
	c.log.Debug("connection lost", "err", err)
	if closed, ok := errors.AsType[*CloseError](err); ok && closed.Code == protocol.CloseTooLarge {
		c.outbox.tooLarge()
	}
	if c.seat.state == seated && !c.seat.away {
		c.seat.away = true
		return c.push(Interrupted{Err: err}) == nil
	}
	return true
}

// comeBack opens a new line, however often it takes; nil = not any more.
func (c *Client) comeBack(attempt int) (*carrier, int) {
	for ; ; attempt++ {
		if !c.sleep(c.delay(attempt)) {
			return nil, attempt
		}
		l, err := c.dialer.again(c.ctx)
		if err == nil {
			return c.attach(l), attempt + 1
		}
		c.log.Debug("no connection", "attempt", attempt+1, "err", err)
		refused, ok := errors.AsType[*HandshakeError](err)
		if ok && refused.isFinal() {
			c.fail(err)
			return nil, attempt
		}
		c.mu.Lock()
		if ok {
			c.holdOff = max(c.holdOff, refused.After)
		}
		gone := c.err != nil || c.seat.state == outside // Join was given up
		if gone {
			c.failLocked(err)
		}
		c.mu.Unlock()
		if gone {
			return nil, attempt
		}
	}
}

// attach makes a line the client's; nil when it was closed meanwhile.
func (c *Client) attach(l line) *carrier {
	k := newCarrier(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		k.cut()
		return nil
	}
	c.outbox.repeat()
	c.carrier = k
	return k
}

// delay says when the next attempt is: with full jitter, and not before the
// server wishes.
func (c *Client) delay(attempt int) time.Duration {
	c.mu.Lock()
	holdOff := min(c.holdOff, holdOffMax)
	c.holdOff = 0
	c.mu.Unlock()
	if attempt == 0 {
		return holdOff
	}
	most := longestBackoff
	if attempt < 7 {
		most = min(most, firstBackoff<<(attempt-1))
	}
	return holdOff + spread(most)
}

// spread returns a random part of d.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d) //nolint:gosec // spreads load, keeps no secret
}

// sleep waits for d, or until the machine wakes up; false when the client ends.
func (c *Client) sleep(d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return c.ctx.Err() == nil
		}
		start, wall := time.Now(), c.wall()
		if !wait(c.ctx, min(left, lookEvery)) {
			return false
		}
		if c.wall().Sub(wall)-time.Since(start) > slept {
			return true
		}
	}
}

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
