package peer

import (
	"context"
	"errors"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
)

const (
	// pingEvery is the pause between two pings that docs/call.md asks for.
	pingEvery = time.Second
	// pongTimeout is how long a ping may be without its pong before another one is sent:
	// the other side need not answer every ping.
	pongTimeout = 5 * time.Second
)

// ErrNotConnected is the error of methods that need a call that is connected.
var ErrNotConnected = errors.New("the call is not connected")

// ErrNoCtl is the error of methods that need the data channel ctl of docs/call.md, if the
// other side does not have it, or has closed it.
var ErrNoCtl = errors.New("the other side does not have the data channel ctl")

// pings are the pings of a call. Only its goroutine uses them.
type pings struct {
	number  uint64    // of the last ping that was sent
	sentAt  time.Time // when it was sent
	pending bool      // its pong may still come
	figures pingFigures
	next    *roundTrip // what Ping waits for; nil = nobody waits
}

// roundTrip is known when done is closed.
type roundTrip struct {
	done chan struct{}
	took time.Duration
	err  error
}

// Ping returns the time that a message takes to the other side and back, on the data
// channel ctl, so with DTLS and SCTP. The other side answers one ping a second, and this
// side sends no more: calls of Ping at the same time share a ping, and the next one may
// have to wait for up to two seconds.
//
// The error is ErrNotConnected, ErrNoCtl, an [*EndedError], or the cause of the end of
// ctx. If the connection is interrupted, Ping waits until it is back.
func (c *Call) Ping(ctx context.Context) (time.Duration, error) {
	var trip *roundTrip
	err := c.do(ctx, func() error {
		switch {
		case c.phase != talking:
			return ErrNotConnected
		case !c.partner.link.ctl.usable():
			return ErrNoCtl
		}
		if c.pings.next == nil {
			c.pings.next = &roundTrip{done: make(chan struct{})}
		}
		trip = c.pings.next
		c.pingIfDue(time.Now())
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := c.await(ctx, trip.done); err != nil {
		return 0, err
	}
	return trip.took, trip.err
}

// pingIfDue sends a ping if the channel is open and the last ping is old enough. Call.tick
// calls it once a second.
func (c *Call) pingIfDue(now time.Time) {
	p := &c.pings
	if c.partner == nil || c.partner.link == nil {
		return
	}
	channel := c.partner.link.ctl
	if c.partner.state == webrtc.PeerConnectionStateConnected && !channel.usable() { // it was closed meanwhile
		p.end(0, ErrNoCtl)
		return
	}
	wait := pingEvery
	if p.pending {
		wait = pongTimeout
	}
	if !channel.ready() || now.Sub(p.sentAt) < wait {
		return
	}
	p.number++
	p.sentAt, p.pending = now, true
	p.figures.sent++
	channel.send(ctl.Ping{N: p.number, T: uint64(max(0, now.UnixMilli()))})
}

// receive handles the answer to a ping.
func (p *pings) receive(m ctl.Pong) {
	if p.pending && m.N == p.number {
		now := time.Now()
		p.pending = false
		p.figures.note(p.sentAt, now, m)
		p.end(now.Sub(p.sentAt), nil)
	}
}

// end ends the wait of Ping.
func (p *pings) end(took time.Duration, err error) {
	if p.next != nil {
		p.next.took, p.next.err = took, err
		close(p.next.done)
		p.next = nil
	}
}
