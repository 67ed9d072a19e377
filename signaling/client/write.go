package client

import (
	"errors"
	"time"

	"callbox/signaling/protocol"
)

// When the client says something by itself.
const (
	seenWithin = 500 * time.Millisecond // an event is confirmed; the protocol allows 1 s
	seenAtMost = 16                     // events unconfirmed; the protocol allows 32
	joinWait   = 10 * time.Second       // for the reply to join
	minPause   = 10 * time.Millisecond  // before a refused request is repeated
	lookEvery  = 3 * time.Second        // at the clocks
	slept      = 5 * time.Second        // that the wall clock gained: the machine slept
	probeWait  = 3 * time.Second        // for a sign of life after that
	bareSlack  = 5 * time.Second        // of a bare client, beyond two of the server's pings
	forever    = time.Duration(-1)
)

// write is the goroutine of a carrier that sends.
func (c *Client) write(k *carrier) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		frame, wait, err := c.next(k, time.Now())
		switch {
		case errors.Is(err, errSilent):
			k.lose(err)
			return
		case err != nil:
			c.mu.Lock()
			left := c.seat.state != seated
			c.mu.Unlock()
			k.close(left)
			return
		}
		if frame == nil {
			timer.Stop()
			if wait != forever {
				timer.Reset(wait)
			}
			select {
			case <-k.wake:
			case <-timer.C:
			case <-k.lost:
				return
			}
			continue
		}
		reply, err := k.send(frame)
		if err == nil && reply != nil {
			err = c.frame(k, reply)
		}
		if err != nil {
			k.lose(err)
			return
		}
	}
}

// next returns the frame to send now, or how long to wait for one; and an
// error when the line is dead.
func (c *Client) next(k *carrier, now time.Time) ([]byte, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := &due{now: now}
	if c.err != nil && !k.goodbye {
		return nil, 0, c.err
	}
	if c.isSilent(k, due) {
		return nil, 0, errSilent
	}
	if frame := c.ownFrame(k, due); frame != nil {
		return frame, 0, nil
	}
	if !c.mayRequest(k) {
		return nil, due.wait(), nil
	}
	if !due.is(c.outbox.paused) {
		return nil, due.wait(), nil
	}
	limit := window
	if c.config.NoReconnect {
		limit = 0
	}
	r := c.outbox.next(limit)
	if r == nil {
		return nil, due.wait(), nil
	}
	return c.outbox.encode(r), 0, nil
}

// mayRequest says whether requests other than join have their turn.
func (c *Client) mayRequest(k *carrier) bool {
	return c.config.NoReconnect || c.seat.state == outside || k.isReady
}

// ownFrame returns what is to be said beside the requests. c.mu is held.
func (c *Client) ownFrame(k *carrier, due *due) []byte {
	if c.config.NoReconnect {
		return nil
	}
	if k.goodbye {
		k.goodbye = false
		return protocol.Encode(protocol.Leave{})
	}
	if c.seat.state == outside {
		return nil
	}
	if !k.isReady {
		if k.joinSent {
			return nil
		}
		k.joinSent, k.answerBy = true, due.now.Add(joinWait)
		return c.joinFrame()
	}
	c.lookAtClocks(k, due)
	if !k.pingAt.IsZero() && due.is(k.pingAt) {
		k.pingAt = due.now.Add(c.seat.ping)
		c.seat.confirmed, k.seenAt = c.seat.seq, time.Time{}
		return protocol.Encode(protocol.Ping{Seq: c.seat.seq})
	}
	if c.seat.seq == c.seat.confirmed {
		return nil
	}
	if c.seat.seq-c.seat.confirmed >= seenAtMost || due.is(k.seenAt) {
		c.seat.confirmed, k.seenAt = c.seat.seq, time.Time{}
		return protocol.Encode(protocol.Seen{Seq: c.seat.seq})
	}
	return nil
}

// isSilent says whether nothing was heard for too long. The limit leaves time
// to be back before the grace of the seat, by default two pings, ends. c.mu is held.
func (c *Client) isSilent(k *carrier, due *due) bool {
	if c.config.NoReconnect {
		return c.seat.ping > 0 && due.is(k.lastHeard().Add(2*c.seat.ping+bareSlack))
	}
	if c.seat.state == outside {
		return false
	}
	if !k.isReady {
		return k.joinSent && due.is(k.answerBy)
	}
	if c.seat.ping == 0 {
		return false
	}
	heard := k.lastHeard()
	if !k.probed.IsZero() && !heard.After(k.probed) && due.is(k.probed.Add(probeWait)) {
		return true
	}
	return due.is(heard.Add(c.seat.ping + c.seat.ping/2))
}

// lookAtClocks asks for a sign of life after the machine slept. c.mu is held.
func (c *Client) lookAtClocks(k *carrier, due *due) {
	if c.seat.ping == 0 || !due.is(k.looked.Add(lookEvery)) {
		return
	}
	wall := c.wall()
	if wall.Sub(k.lookedAt)-due.now.Sub(k.looked) > slept {
		k.pingAt, k.probed = due.now, due.now
	}
	k.looked, k.lookedAt = due.now, wall
	due.is(k.looked.Add(lookEvery))
}

// due collects when there is something to do.
type due struct {
	now  time.Time
	next time.Time
}

// is says whether at has come; otherwise it is waited for.
func (d *due) is(at time.Time) bool {
	if !at.After(d.now) {
		return true
	}
	if d.next.IsZero() || at.Before(d.next) {
		d.next = at
	}
	return false
}

func (d *due) wait() time.Duration {
	if d.next.IsZero() {
		return forever
	}
	return d.next.Sub(d.now)
}
