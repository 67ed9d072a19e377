package signaling

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"callbox/bench/process"
)

// crowd is a load generator that keeps connections open until it is told to end.
type crowd struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	errors  bytes.Buffer
}

// gather starts a crowd. Its first outcome means that all have joined.
func (r *runner) gather(ctx context.Context, s *server, args ...string) (*crowd, error) {
	line := append(r.loadLine(s), "-row", "crowd", "-from", "127.0.0.1", "-sources", "16")
	c := &crowd{command: r.programs.Command(ctx, process.ClientCPU, append(line, args...)...)}
	c.command.Stderr = &c.errors
	stdin, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin, c.stdout = stdin, bufio.NewReader(stdout)
	return c, c.command.Start()
}

// outcome waits for the next outcome that the crowd prints.
func (c *crowd) outcome() (*outcome, error) {
	line, err := c.stdout.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	o := new(outcome)
	return o, json.Unmarshal(line, o)
}

func (c *crowd) disperse() error {
	err := errors.Join(c.stdin.Close(), c.command.Wait())
	if err != nil {
		err = fmt.Errorf("%w: %s", err, c.errors.Bytes())
	}
	return err
}

// joins measures how often clients can connect, join, leave and close.
func joins(ctx context.Context, r *runner, k kind) error {
	return r.with(ctx, k, func(s *server) error {
		l, err := r.load(ctx, s, "-row", "joins", "-connections", "64", "-from", "127.0.0.1", "-sources", "16",
			"-warm", r.warm.String(), "-for", r.measure.String())
		if err != nil {
			return err
		}
		r.figures.add(rowJoins, k, l.perCPU(l.Cycles))
		return nil
	})
}

// idle measures the memory of idle connections.
func idle(ctx context.Context, r *runner, k kind) error {
	return r.with(ctx, k, func(s *server) (err error) {
		before, _, err := process.Resident(s.pid())
		if err != nil {
			return err
		}
		c, err := r.gather(ctx, s, "-connections", strconv.Itoa(r.idle), "-parallel", "128")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.disperse()) }()
		if _, err := c.outcome(); err != nil {
			return err
		}
		select {
		case <-time.After(r.settle):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		after, _, err := process.Resident(s.pid())
		r.figures.add(rowIdle, k, float64(after-before)/float64(r.idle)/1024)
		return err
	})
}

// storm measures how long clients wait when many connect at once to a server that has
// just started, and, for callbox, when they reconnect after it was killed and started
// again.
func storm(ctx context.Context, r *runner, k kind) (err error) {
	s, err := r.programs.start(ctx, k, r.settings())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c, err := r.gather(ctx, s, "-connections", strconv.Itoa(r.storm), "-pid", "0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.disperse()) }()
	joined, err := c.outcome()
	if err != nil {
		return err
	}
	_, most, err := process.Resident(s.pid())
	if err != nil {
		return err
	}
	r.figures.add(rowStorm, k, joined.Seconds)
	r.figures.add(rowStormMemory, k, float64(most)/(1<<20))
	if k.name != "callbox" {
		return nil
	}
	again := r.settings()
	if again.port, err = s.port(); err != nil {
		return err
	}
	if err := s.end(syscall.SIGKILL); err != nil {
		return err
	}
	next, err := r.programs.start(ctx, k, again)
	if err != nil {
		return err
	}
	*s = *next
	if _, err := io.WriteString(c.stdin, "again\n"); err != nil {
		return err
	}
	back, err := c.outcome()
	if err != nil {
		return err
	}
	r.figures.add(rowResumed, k, float64(back.Resumed))
	if back.Resumed == r.storm {
		r.figures.add(rowResume, k, back.Seconds)
	}
	return nil
}
