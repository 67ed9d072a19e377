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

// crowd is many connections, in rooms of two. Once all have joined it says so,
// and then does what it is told on standard input: "again", and all connect
// anew, with what they know of their seats; the end of input ends it.
type crowd struct {
	loop     *loop
	prefix   string
	parallel int // connections being opened at a time
	server   cpu
	out      io.Writer

	conns   []*conn
	dialed  int // of conns, in this gathering
	seated  int
	phase   phase
	began   time.Duration
	cpu     time.Duration
	resumed int // under the id from before
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

// dialsAtOnce is how many connections are begun between two looks at the
// sockets.
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
	r.phase = measuring // which lasts until the next command
	return json.NewEncoder(r.out).Encode(&result{
		Joined: r.seated, Resumed: r.resumed, Closed: r.retried,
		Seconds: (r.loop.now() - r.began).Seconds(), CPU: (used - r.cpu).Seconds(),
	})
}

// closed connects once more when it was too early, without the seat from before
// when the server has refused to give it back; that the server ends is no fault.
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

// command does what standard input says.
func (r *crowd) command(text string) {
	if text == "" {
		r.phase = over
		return
	}
	for _, c := range r.conns {
		c.close(nil) // if the end of the server has not been noticed yet
	}
	r.phase, r.dialed, r.seated, r.resumed, r.retried = gathering, 0, 0, 0, 0
}

// listen has the loop read commands.
func (r *crowd) listen() error {
	r.loop.command = r.command
	return r.loop.poller.Add(unix.Stdin, false)
}
