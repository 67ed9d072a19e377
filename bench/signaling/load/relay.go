//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"
)

// dialing is how many connections are opened at a time.
const dialing = 64

// phase is the phase of a relay.
type phase int

const (
	gathering phase = iota // connecting and joining
	warming
	measuring
	parting // leaving, and waiting until the connections are closed
	over
)

// partingTime is how long to wait until the connections are closed.
const partingTime = 5 * time.Second

// measureMore is the maximum by which a measurement is extended if the server has relayed
// nothing.
const measureMore = time.Minute

// relay has one peer of each room send messages to the other. Without a rate (closed loop),
// up to window messages in each room are neither delivered nor acknowledged. With a rate
// (open loop), it sends that many messages per second in all, whatever comes back.
type relay struct {
	loop          *loop
	window        int
	rate          float64
	warm, measure time.Duration
	server        cpu
	slow          *slowRooms // nil = none
	attack        *attack    // nil = none

	pairs    []*pair
	dialed   int
	phase    phase
	began    time.Duration // start of the phase
	next     int           // the next pair to send, in an open loop
	due      time.Duration // the time at which it sends
	cpu      time.Duration // at the start of the measurement
	complete int           // messages delivered and acknowledged during the measurement
	latency  []time.Duration
	lag      []time.Duration
	result   result
}

// pair is a room with a sender and a receiver.
type pair struct {
	from, to                 *conn
	sent, acked, delivered   int
	under                    []time.Duration // when each incomplete message was due
	fromJoined, toJoined     bool
	slow, gone, unregistered bool // of slow rooms
}

func newRelay(l *loop, prefix string, rooms int) *relay {
	r := &relay{loop: l}
	for i := range rooms {
		r.pairs = append(r.pairs, newPair(fmt.Sprintf("%s-%d", prefix, i)))
	}
	return r
}

func newPair(room string) *pair {
	p := new(pair)
	p.from = &conn{room: room, row: p}
	p.to = &conn{room: room, row: p}
	return p
}

func (r *relay) done() bool { return r.phase == over }

func (r *relay) tick(now time.Duration) (time.Duration, error) {
	switch r.phase {
	case gathering:
		return 10 * time.Millisecond, r.gather(now)
	case warming:
		if now-r.began >= r.warm {
			return 0, r.start(now)
		}
	case measuring:
		if now-r.began >= r.measure {
			return 0, r.stop(now)
		}
	case parting:
		if r.loop.open == 0 || now-r.began > partingTime {
			r.phase = over
		}
		return 10 * time.Millisecond, nil
	case over:
		return 0, nil
	}
	if r.slow != nil {
		r.slow.tick(now)
	}
	if r.attack != nil {
		if err := r.attack.tick(now); err != nil {
			return 0, err
		}
	}
	if r.rate == 0 {
		return 10 * time.Millisecond, nil
	}
	// The loop polls the sockets without waiting, so that nothing is sent too late.
	for r.due <= now {
		r.send(r.pairs[r.next], r.due)
		if r.phase == measuring {
			r.lag = append(r.lag, r.loop.now()-r.due)
		}
		r.next = (r.next + 1) % len(r.pairs)
		r.due += time.Duration(float64(time.Second) / r.rate)
	}
	return 0, nil
}

// gather connects, a few at a time, until all have joined.
func (r *relay) gather(now time.Duration) error {
	if now-r.began > 60*time.Second {
		return errors.New("not all clients have joined within a minute")
	}
	all := r.all()
	talking, underway := 0, 0
	for _, p := range all {
		if p.fromJoined && p.toJoined && (p.from.to != "" || !r.loop.hasPeers()) {
			talking++
		}
	}
	for _, p := range all[:r.dialed/2] {
		if !p.fromJoined {
			underway++
		}
		if !p.toJoined {
			underway++
		}
	}
	for ; underway < dialing && r.dialed < 2*len(all); underway++ {
		p := all[r.dialed/2]
		c := p.from
		if r.dialed%2 == 1 {
			c = p.to
		}
		r.dialed++
		if err := r.loop.dial(c); err != nil {
			return err
		}
	}
	if talking < len(all) {
		return nil
	}
	r.phase, r.began, r.due = warming, now, now
	if r.slow != nil {
		r.slow.start(now)
	}
	if r.rate == 0 {
		for _, p := range r.pairs {
			r.refill(p)
		}
	}
	return nil
}

func (r *relay) all() []*pair {
	if r.slow == nil {
		return r.pairs
	}
	return append(r.pairs[:len(r.pairs):len(r.pairs)], r.slow.pairs...)
}

func (r *relay) refill(p *pair) {
	for p.sent-min(p.acked, p.delivered) < r.window {
		r.send(p, r.loop.now())
	}
}

func (r *relay) send(p *pair, due time.Duration) {
	p.sent++
	p.under = append(p.under, due)
	r.loop.dialect.message(p.from)
}

func (r *relay) event(c *conn, e event) error {
	p, ok := c.row.(*pair)
	if a, attacks := c.row.(*attack); attacks {
		a.event(c, e)
		return nil
	}
	if !ok {
		return errors.New("an event of a connection without a room")
	}
	switch e {
	case evJoined:
		p.fromJoined = p.fromJoined || c == p.from
		p.toJoined = p.toJoined || c == p.to
		return nil
	case evLeft:
		return nil
	case evFull, evLimited, evRefused:
		r.slow.refused++ // only slow rooms are tolerant
		return nil
	case evAcked, evDelivered:
	default:
		return nil
	}
	if p.slow {
		return nil
	}
	before := min(p.acked, p.delivered)
	if e == evAcked {
		p.acked++
	} else if p.delivered++; len(p.under) > 0 {
		if r.phase == measuring {
			r.latency = append(r.latency, r.loop.now()-p.under[0])
		}
		p.under = p.under[:copy(p.under, p.under[1:])]
	}
	if min(p.acked, p.delivered) > before && r.phase == measuring {
		r.complete++
	}
	if r.rate == 0 && r.phase < parting {
		r.refill(p)
	}
	return nil
}

func (r *relay) closed(c *conn, _ stage, err error) {
	if a, ok := c.row.(*attack); ok {
		a.closed()
		return
	}
	if p, ok := c.row.(*pair); ok && p.slow {
		r.slow.closed++
		return
	}
	if r.phase < parting {
		r.result.fail(fmt.Errorf("a connection in %s has ended: %w", c.room, err))
		r.phase = over
	}
}

func (r *relay) start(now time.Duration) (err error) {
	r.phase, r.began, r.complete = measuring, now, 0
	r.cpu, err = r.server.used()
	return err
}

func (r *relay) stop(now time.Duration) error {
	used, err := r.server.used()
	if err == nil && r.complete == 0 && now-r.began < r.measure+measureMore {
		return nil // the server got no CPU time
	}
	r.result.Messages = r.complete
	r.result.Seconds = (now - r.began).Seconds()
	r.result.CPU = (used - r.cpu).Seconds()
	r.result.latencies(r.latency, r.lag)
	r.phase, r.began = parting, now
	if r.slow != nil {
		r.result.Refused, r.result.Closed = r.slow.refused, r.slow.closed
	}
	if r.attack != nil {
		r.result.Refused, r.result.Joined = r.attack.refused, r.attack.granted
		r.phase = over // attackers do not leave
	}
	for _, p := range r.all() {
		for _, c := range []*conn{p.from, p.to} {
			if c.stage == joined {
				r.loop.leave(c)
			}
		}
	}
	return err
}
