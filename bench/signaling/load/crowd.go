//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// crowd opens many connections, in rooms of two. When all have joined, it prints a result.
// Then it reads commands from standard input: on "again", all reconnect and resume their
// seats; at the end of input, it ends.
type crowd struct {
	loop     *loop
	prefix   string
	parallel int // connections that may be opening at a time
	server   cpu
	out      io.Writer

	conns   []*conn
	dialed  int // of conns, since the start or the last "again"
	seated  int
	phase   phase
	began   time.Duration
	cpu     time.Duration
	resumed int // with the same peer id
	retried int
	err     error
}

func newCrowd(l *loop, prefix string, size int) *crowd {
	r := &crowd{loop: l, prefix: prefix}
	for i := range size {
		r.conns = append(r.conns, &conn{room: fmt.Sprintf("%s-%d", prefix, i/2)})
	}
	l.frugal = true
	return r
}

func (r *crowd) done() bool                { return r.phase == over }
func (r *crowd) outcome() (*result, error) { return nil, r.err }

// dialsAtOnce is how many connections are started before the loop polls the sockets again.
const dialsAtOnce = 128

func (r *crowd) tick(now time.Duration) (_ time.Duration, err error) {
	if r.phase != gathering {
		return 100 * time.Millisecond, nil
	}
	if r.dialed == 0 {
		r.began = now
		if r.cpu, err = r.server.used(); err != nil {
			return 0, err
		}
	}
	if now-r.began > 2*time.Minute {
		return 0, fmt.Errorf("%d of %d have joined within two minutes", r.seated, len(r.conns))
	}
	for range dialsAtOnce {
		if r.dialed == len(r.conns) || r.dialed-r.seated >= r.parallel {
			break
		}
		c := r.conns[r.dialed]
		r.dialed++
		if err := r.loop.dial(c); err != nil {
			return 0, err
		}
	}
	if r.dialed < len(r.conns) && r.dialed-r.seated < r.parallel {
		return 0, nil
	}
	return 10 * time.Millisecond, nil
}

func (r *crowd) event(c *conn, e event) error {
	if e != evJoined || r.phase != gathering {
		return nil
	}
	if r.seated++; c.same {
		r.resumed++
	}
	if r.seated < len(r.conns) {
		return nil
	}
	used, err := r.server.used()
	if err != nil {
		return err
	}
	r.phase = measuring // until the next command
	return json.NewEncoder(r.out).Encode(&result{
		Joined: r.seated, Resumed: r.resumed, Closed: r.retried,
		Seconds: (r.loop.now() - r.began).Seconds(), CPU: (used - r.cpu).Seconds(),
	})
}

// closed connects again if the connection failed before it had joined, and without the old
// seat if the server has refused to resume it. It is no error if the server ends.
func (r *crowd) closed(c *conn, before stage, err error) {
	if r.phase != gathering || before >= joined {
		return
	}
	if before == joining && errors.Is(err, errRefused) {
		c.resume, c.seq = "", 0
	}
	r.retried++
	if r.retried > len(r.conns) {
		err = errors.Join(fmt.Errorf("more than %d connections were refused", r.retried), err)
	} else {
		err = r.loop.dial(c)
	}
	if err != nil {
		r.err, r.phase = err, over
	}
}

// command executes a command from standard input.
func (r *crowd) command(text string) {
	if text == "" {
		r.phase = over
		return
	}
	for _, c := range r.conns {
		c.close(nil) // in case it has not noticed that the server has ended
	}
	r.phase, r.dialed, r.seated, r.resumed, r.retried = gathering, 0, 0, 0, 0
}

// listen makes the loop read commands.
func (r *crowd) listen() error {
	r.loop.command = r.command
	return r.loop.poller.Add(unix.Stdin, false)
}
