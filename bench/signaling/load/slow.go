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
	rate    float64 // messages a second, in all
	reading bool    // they are not slow

	next, nextRead int
	due, dueRead   time.Duration
	refused        int // messages that the server did not take
	closed         int // connections that it closed
}

// slowMessages is how many messages a second each of these rooms gets.
const slowMessages = 2

func newSlowRooms(l *loop, prefix string, rooms int, reading bool) *slowRooms {
	s := &slowRooms{loop: l, rate: float64(rooms * slowMessages), reading: reading}
	for i := range rooms {
		p := newPair(fmt.Sprintf("%s-slow-%d", prefix, i))
		p.slow = true
		s.pairs = append(s.pairs, p)
	}
	return s
}

// start makes the receivers slow: nobody reads from them but tick.
func (s *slowRooms) start(now time.Duration) {
	s.due, s.dueRead = now, now
	if s.reading {
		return
	}
	for _, p := range s.pairs {
		// What is received beyond it waits at the server.
		if err := unix.SetsockoptInt(p.to.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err == nil {
			err = s.loop.poller.Remove(p.to.fd)
			p.unregistered = err == nil
		}
	}
}

func (s *slowRooms) tick(now time.Duration) {
	for s.due <= now {
		if p := s.pairs[s.next]; p.from.stage == joined {
			s.loop.dialect.message(p.from)
		}
		s.next = (s.next + 1) % len(s.pairs)
		s.due += time.Duration(float64(time.Second) / s.rate)
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
