//go:build linux

package main

import (
	"fmt"
	"time"
)

// joins connects, joins, leaves and closes, again and again, with some connections at a
// time, each in a room of its own.
type joins struct {
	loop          *loop
	prefix        string
	parallel      int
	warm, measure time.Duration
	server        cpu

	phase  phase
	began  time.Duration
	dialed int
	cycles int // while measuring
	cpu    time.Duration
	result result
}

func (j *joins) done() bool                { return j.phase == over }
func (j *joins) outcome() (*result, error) { return &j.result, j.result.err }

func (j *joins) tick(now time.Duration) (_ time.Duration, err error) {
	switch {
	case j.phase == gathering:
		j.phase, j.began = warming, now
		for range j.parallel {
			if err := j.dial(); err != nil {
				return 0, err
			}
		}
	case j.phase == warming && now-j.began >= j.warm:
		j.phase, j.began, j.cycles = measuring, now, 0
		j.cpu, err = j.server.used()
	case j.phase == measuring && now-j.began >= j.measure:
		var used time.Duration
		used, err = j.server.used()
		if err == nil && j.cycles == 0 && now-j.began < j.measure+measureMore {
			break // the server got no CPU time
		}
		j.result.Cycles = j.cycles
		j.result.Seconds, j.result.CPU = (now - j.began).Seconds(), (used - j.cpu).Seconds()
		j.phase, j.began = parting, now
	case j.phase == parting && (j.loop.open == 0 || now-j.began > partingTime):
		j.phase = over
	}
	return 10 * time.Millisecond, err
}

func (j *joins) dial() error {
	j.dialed++
	return j.loop.dial(&conn{room: fmt.Sprintf("%s-%d", j.prefix, j.dialed)})
}

func (j *joins) event(c *conn, e event) error {
	if e == evJoined {
		j.loop.leave(c)
	}
	return nil
}

func (j *joins) closed(c *conn, before stage, err error) {
	if j.phase >= parting {
		return
	}
	if before == left {
		j.cycles++
		err = j.dial()
	}
	if err != nil {
		j.result.fail(fmt.Errorf("a connection in %s: %w", c.room, err))
		j.phase = over
	}
}
