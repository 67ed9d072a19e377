//go:build linux

package main

import (
	"time"

	"github.com/pion/stun/v3"

	"callbox/bench/process"
)

// atOnce is how many clients allocate at the same time.
const atOnce = 8

// idle makes idle allocations, and measures the memory of the server.
func (d *dialer) idle(allocations, pid int, settle time.Duration) (*result, error) {
	r := &result{Allocations: allocations}
	var err error
	if r.Before, _, err = process.Resident(pid); err != nil {
		return nil, err
	}
	used, err := process.CPU(pid)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for left := allocations; left > 0; left -= atOnce {
		if err := d.allocateTogether(min(left, atOnce)); err != nil {
			return nil, err
		}
	}
	r.Seconds = time.Since(began).Seconds()
	now, err := process.CPU(pid)
	if err != nil {
		return nil, err
	}
	r.CPU = (now - used).Seconds()
	<-time.After(settle)
	r.After, _, err = process.Resident(pid)
	return r, err
}

// allocateTogether makes n clients send their requests before the first waits for its
// response: at first without MESSAGE-INTEGRITY, as clients do, and then with it.
func (d *dialer) allocateTogether(n int) error {
	clients := make([]*client, n)
	for i := range clients {
		c, err := d.dial()
		if err != nil {
			return err
		}
		clients[i] = c
	}
	together := func(heard func(c *client, response *stun.Message) error) error {
		for _, c := range clients {
			if err := c.ask(stun.MethodAllocate, transportUDP); err != nil {
				return err
			}
		}
		for _, c := range clients {
			response, err := c.answer()
			if err == nil {
				err = heard(c, response)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	err := together(func(c *client, response *stun.Message) error {
		again, err := c.challenged(response)
		if err != nil || again {
			return err
		}
		return refusal(response)
	})
	if err != nil {
		return err
	}
	return together(func(c *client, response *stun.Message) error {
		if err := refusal(response); err != nil {
			return err
		}
		return c.allocated(response)
	})
}
