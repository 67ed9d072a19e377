//go:build linux

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// slowRooms are rooms beside those that are measured. Each gets a steady few
// messages, and its receiver reads one byte a second, or all, to compare.
type slowRooms struct {
	loop    *loop
	pairs   []*pair
	filling int     // messages still to be sent before the measurement
	rate    float64 // messages a second in it, in all
	reading bool    // they are not slow

	next, nextRead int
	due, dueRead   time.Duration
	refused        int // messages that the server did not take
	closed         int // connections that it closed
}

const (
	// Each of these rooms gets so many messages before the measurement, which is
	// more than a server should keep, and then so many a second.
	slowFirst    = 300
	slowMessages = 2
	// slowFill is how many messages a second all of them get at first, which
	// leaves the server time for the other rooms.
	slowFill = 15_000
)

func newSlowRooms(l *loop, prefix string, rooms int, reading bool) *slowRooms {
	s := &slowRooms{loop: l, filling: rooms * slowFirst, rate: float64(rooms * slowMessages), reading: reading}
	for i := range rooms {
		p := newPair(fmt.Sprintf("%s-slow-%d", prefix, i))
		p.slow = true
		p.from.tolerant, p.to.tolerant = true, true
		if !reading {
			p.to.receive = 4096 // what is received beyond it waits at the server
		}
		s.pairs = append(s.pairs, p)
	}
	return s
}

// warm is how long the filling takes, and a little more.
func (s *slowRooms) warm() time.Duration {
	return time.Second + time.Duration(float64(s.filling)/slowFill*float64(time.Second))
}

// start makes the receivers slow: nobody reads from them but tick.
func (s *slowRooms) start(now time.Duration) {
	s.due, s.dueRead = now, now
	if s.reading {
		return
	}
	for _, p := range s.pairs {
		p.unregistered = s.loop.poller.Remove(p.to.fd) == nil
	}
}

func (s *slowRooms) tick(now time.Duration) {
	for s.due <= now {
		rate := s.rate
		if s.filling > 0 {
			s.filling--
			rate = slowFill
		}
		if p := s.pairs[s.next]; p.from.stage == joined {
			s.loop.dialect.message(p.from)
		}
		s.next = (s.next + 1) % len(s.pairs)
		s.due += time.Duration(float64(time.Second) / rate)
	}
	var one [1]byte
	for !s.reading && s.dueRead <= now {
		p := s.pairs[s.nextRead]
		if n, err := unix.Read(p.to.fd, one[:]); !p.gone && p.unregistered && (n == 0 || (err != nil && err != unix.EAGAIN)) {
			p.gone = true
			s.closed++
		}
		s.nextRead = (s.nextRead + 1) % len(s.pairs)
		s.dueRead += time.Second / time.Duration(len(s.pairs))
	}
}
