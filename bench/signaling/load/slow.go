//go:build linux

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// slowRooms are rooms in addition to those that are measured. Each gets a few messages per
// second, and its receiver reads one byte per second, or everything, for comparison.
type slowRooms struct {
	loop    *loop
	pairs   []*pair
	filling int     // messages to send before the measurement
	rate    float64 // messages per second to all of them during the measurement
	reading bool    // their receivers are not slow

	next, nextRead int
	due, dueRead   time.Duration
	refused        int // messages that the server refused
	closed         int // connections that the server closed
}

const (
	// How many messages each of these rooms gets before the measurement, which is more than
	// a server should store, and how many per second afterwards.
	slowFirst    = 300
	slowMessages = 2
	// slowFill is how many messages per second all of them get before the measurement, so
	// that the server has time for the other rooms.
	slowFill = 15_000
)

func newSlowRooms(l *loop, prefix string, rooms int, reading bool) *slowRooms {
	s := &slowRooms{loop: l, filling: rooms * slowFirst, rate: float64(rooms * slowMessages), reading: reading}
	for i := range rooms {
		p := newPair(fmt.Sprintf("%s-slow-%d", prefix, i))
		p.slow = true
		p.from.tolerant, p.to.tolerant = true, true
		if !reading {
			p.to.receive = 4096 // so that everything else waits at the server
		}
		s.pairs = append(s.pairs, p)
	}
	return s
}

// warm returns how long it takes to send the first messages, plus a second.
func (s *slowRooms) warm() time.Duration {
	return time.Second + time.Duration(float64(s.filling)/slowFill*float64(time.Second))
}

// start makes the receivers slow: from now on, only tick reads from them.
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
