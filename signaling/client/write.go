package client

import (
	"errors"
	"time"

	"callbox/signaling/protocol"
)

const (
	confirmWithin    = 500 * time.Millisecond // after an event; the protocol allows 1 s
	maxUnconfirmed   = 16                     // events; the protocol allows 32
	joinTimeout      = 10 * time.Second       // for the reply to join
	minRetryPause    = 10 * time.Millisecond  // before a refused request is repeated
	clockCheckPeriod = 3 * time.Second        // between two comparisons of the clocks
	sleepThreshold   = 5 * time.Second        // if the wall clock is this far ahead, the machine has slept
	probeTimeout     = 3 * time.Second        // for anything to arrive after the machine has slept
	bareIdleSlack    = 5 * time.Second        // of a bare client, beyond two of the server's pings
	forever          = time.Duration(-1)
)

// writeLoop is the goroutine that sends on a connection.
func (c *Client) writeLoop(conn *connection) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		frame, wait, err := c.nextFrame(conn, time.Now())
		switch {
		case errors.Is(err, errSilent):
			conn.fail(err)
			return
		case err != nil:
			c.mu.Lock()
			left := c.seat.state != seated
			c.mu.Unlock()
			conn.closeGracefully(left)
			return
		}
		if frame == nil {
			timer.Stop()
			if wait != forever {
				timer.Reset(wait)
			}
			select {
			case <-conn.wake:
			case <-timer.C:
			case <-conn.failed:
				return
			}
			continue
		}
		reply, err := conn.send(frame)
		if err == nil && reply != nil {
			err = c.handleFrame(conn, reply)
		}
		if err != nil {
			conn.fail(err)
			return
		}
	}
}

// nextFrame returns the frame to send now, or how long to wait for one. The error
// is errSilent if the connection is dead, or why the client ended.
func (c *Client) nextFrame(conn *connection, now time.Time) ([]byte, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := &due{now: now}
	if c.err != nil && !conn.leaving {
		return nil, 0, c.err
	}
	if c.isSilent(conn, due) {
		return nil, 0, errSilent
	}
	if frame := c.controlFrame(conn, due); frame != nil {
		return frame, 0, nil
	}
	if !c.maySendRequests(conn) {
		return nil, due.wait(), nil
	}
	if !due.reached(c.outbox.paused) {
		return nil, due.wait(), nil
	}
	limit := maxInFlight
	if c.config.NoReconnect {
		limit = 0
	}
	r := c.outbox.next(limit)
	if r == nil {
		return nil, due.wait(), nil
	}
	return c.outbox.encode(r), 0, nil
}

// maySendRequests reports whether requests other than join may be sent now.
func (c *Client) maySendRequests(conn *connection) bool {
	return c.config.NoReconnect || c.seat.state == outside || conn.isReady
}

// controlFrame returns the frame that is due by itself: a leave, join, ping or
// confirmation; nil = none. It must be called with c.mu held.
func (c *Client) controlFrame(conn *connection, due *due) []byte {
	if c.config.NoReconnect {
		return nil
	}
	if conn.leaving {
		conn.leaving = false
		return protocol.Encode(protocol.Leave{})
	}
	if c.seat.state == outside {
		return nil
	}
	if !conn.isReady {
		if conn.joinSent {
			return nil
		}
		conn.joinSent, conn.joinDeadline = true, due.now.Add(joinTimeout)
		return c.joinFrame()
	}
	c.detectSleep(conn, due)
	if !conn.pingAt.IsZero() && due.reached(conn.pingAt) {
		conn.pingAt = due.now.Add(c.seat.ping)
		c.seat.confirmed, conn.confirmAt = c.seat.seq, time.Time{}
		return protocol.Encode(protocol.Ping{Seq: c.seat.seq})
	}
	if c.seat.seq == c.seat.confirmed {
		return nil
	}
	if c.seat.seq-c.seat.confirmed >= maxUnconfirmed || due.reached(conn.confirmAt) {
		c.seat.confirmed, conn.confirmAt = c.seat.seq, time.Time{}
		return protocol.Encode(protocol.Seen{Seq: c.seat.seq})
	}
	return nil
}

// isSilent reports whether nothing has arrived for too long. The limit leaves time
// to reconnect before the grace time of the seat, by default two pings, is over. It
// must be called with c.mu held.
func (c *Client) isSilent(conn *connection, due *due) bool {
	if c.config.NoReconnect {
		return c.seat.ping > 0 && due.reached(conn.lastActivity().Add(2*c.seat.ping+bareIdleSlack))
	}
	if c.seat.state == outside {
		return false
	}
	if !conn.isReady {
		return conn.joinSent && due.reached(conn.joinDeadline)
	}
	if c.seat.ping == 0 {
		return false
	}
	activity := conn.lastActivity()
	if !conn.probedAt.IsZero() && !activity.After(conn.probedAt) && due.reached(conn.probedAt.Add(probeTimeout)) {
		return true
	}
	return due.reached(activity.Add(c.seat.ping + c.seat.ping/2))
}

// detectSleep compares the clocks, and if the machine has slept, makes a ping due
// to test the connection. It must be called with c.mu held.
func (c *Client) detectSleep(conn *connection, due *due) {
	if c.seat.ping == 0 || !due.reached(conn.clockCheckedAt.Add(clockCheckPeriod)) {
		return
	}
	wall := c.wall()
	if wall.Sub(conn.wallCheckedAt)-due.now.Sub(conn.clockCheckedAt) > sleepThreshold {
		conn.pingAt, conn.probedAt = due.now, due.now
	}
	conn.clockCheckedAt, conn.wallCheckedAt = due.now, wall
	due.reached(conn.clockCheckedAt.Add(clockCheckPeriod))
}

// due collects the time at which there is something to do next.
type due struct {
	now  time.Time
	next time.Time
}

// reached reports whether it is at or later; if not, wait takes at into account.
func (d *due) reached(at time.Time) bool {
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
