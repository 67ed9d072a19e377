//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"time"

	"callbox/bench/signaling/epoll"
)

// attacker is the source address of attacks.
var attacker = netip.MustParseAddr("127.0.0.99") //nolint:gochecknoglobals // constant

// attack is the load of one client address that exceeds its limits, in addition to
// well-behaved rooms.
type attack struct {
	loop  *loop
	kind  string
	conns int     // connections to keep open
	rate  float64 // new connections per second
	frame []byte

	on      bool
	due     time.Duration
	open    int
	dialed  int
	refused int // refused requests and connections
	granted int // successful joins
}

func newAttack(l *loop, kind string) (*attack, error) {
	a := &attack{loop: l, kind: kind}
	switch kind {
	case "connections":
		a.conns, a.rate = 5000, 2000
	case "frames":
		a.conns, a.rate = 16, 100
		a.frame = payload(1 << 20)
	case "joins":
		a.conns, a.rate = 64, 1000
	default:
		return nil, fmt.Errorf("-attack: unknown attack %q; use connections, frames or joins", kind)
	}
	return a, nil
}

func (a *attack) tick(now time.Duration) error {
	if !a.on {
		a.on, a.due = true, now
	}
	for a.due <= now {
		a.due += time.Duration(float64(time.Second) / a.rate)
		if a.open >= a.conns {
			continue
		}
		a.dialed++
		a.open++
		c := &conn{room: fmt.Sprintf("attack-%d", a.dialed), row: a, from: attacker, tolerant: true}
		if err := a.loop.dial(c); err != nil {
			return err
		}
	}
	return nil
}

// opened starts the attack on a new WebSocket.
func (a *attack) opened(c *conn) {
	switch a.kind {
	case "frames":
		c.send(epoll.Text, a.frame)
	case "joins":
		a.loop.dialect.opened(c)
	}
}

func (a *attack) event(c *conn, e event) {
	switch e { //nolint:exhaustive // attackers ignore everything else
	case evJoined:
		a.granted++
		a.loop.leave(c)
	case evLeft:
		c.stage = joining
		a.loop.dialect.opened(c)
	case evLimited, evRefused:
		a.refused++
		if c.stage == leaving {
			a.loop.leave(c)
		} else {
			a.loop.dialect.opened(c)
		}
	}
}

func (a *attack) closed() {
	a.open--
	a.refused++
}
