package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/client"
)

// joiners is how many clients join at the same time.
const joiners = 16

// joins measures how many joins per second the server handles, from clients in this
// process: with a new WebSocket for each join, and over open WebSockets.
func joins(ctx context.Context, p *program, e effort) (figures []figure, err error) {
	s, err := p.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	connecting, err := rate(ctx, e.joining, func(ctx context.Context, room string, more func() bool) error {
		for more() {
			if err := visit(ctx, s.url, room, func() bool { return false }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	open, err := rate(ctx, e.joining, func(ctx context.Context, room string, more func() bool) error {
		return visit(ctx, s.url, room, more)
	})
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: fmt.Sprintf("joins, %d clients, each with a new WebSocket", joiners), value: fmt.Sprintf("%.0f/s", connecting)},
		{name: fmt.Sprintf("joins, %d clients, over open WebSockets", joiners), value: fmt.Sprintf("%.0f/s", open)},
	}, nil
}

// visit connects, and then joins and leaves, at least once, for as long as more returns true.
func visit(ctx context.Context, url, room string, more func() bool) (err error) {
	c, err := client.Dial(ctx, client.Config{NoReconnect: true, URL: url})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for {
		if _, err := c.Join(ctx, room); err != nil {
			return err
		}
		if err := c.Leave(ctx); err != nil {
			return err
		}
		if !more() {
			return nil
		}
	}
}

// rate runs the clients for that time and returns the joins per second. A client calls
// more once for each join.
func rate(ctx context.Context, during time.Duration, work func(ctx context.Context, room string, more func() bool) error) (float64, error) {
	var done atomic.Int64
	var group sync.WaitGroup
	faults := make([]error, joiners)
	start := time.Now()
	for i := range joiners {
		group.Go(func() {
			faults[i] = work(ctx, fmt.Sprintf("joiner-%d", i), func() bool {
				done.Add(1)
				return time.Since(start) < during
			})
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), errors.Join(faults...)
}
