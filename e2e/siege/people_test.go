package siege

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

const leaveWait = 10 * time.Second

// crowd is what people have in common.
type crowd struct {
	scale  *scale
	server *server
	token  string
	ledger *ledger
}

// person has a seat and talks to the other one in the room.
type person struct {
	*crowd
	name   string
	client *client.Client

	mu      sync.Mutex
	conn    net.Conn  // the newest
	cutAt   time.Time // when it was cut; zero while it is not
	heard   int       // number of the last message
	leaving bool
}

// message is about as large as a description of a session.
type message struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// enter takes a seat; what is refused is tried again, as people do.
func (c *crowd) enter(ctx context.Context, from, room, name string) *person {
	p := &person{crowd: c, name: name}
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.scale.joinWithin)
	defer cancel()
	for {
		err := p.try(limited, from, room)
		if err == nil {
			c.ledger.good(joining, time.Since(begun))
			return p
		}
		if !sleep(limited, 200*time.Millisecond) {
			if ctx.Err() == nil {
				c.ledger.fault(joining, "%s has no seat after %v: %v", name, time.Since(begun).Round(time.Millisecond), err)
			}
			return nil
		}
		c.ledger.retried()
	}
}

func (p *person) try(ctx context.Context, from, room string) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	config := client.Config{
		URL: "http://" + net.JoinHostPort(publicAddr, p.server.ports.http), Name: p.name, Token: p.token,
		TLS: insecure(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				p.mu.Lock()
				p.conn = conn
				p.mu.Unlock()
			}
			return conn, err
		},
	}
	if from == roomsAddr {
		config.URL = "https://" + net.JoinHostPort(publicAddr, p.server.ports.https)
	}
	c, err := client.Dial(ctx, config)
	if err != nil {
		return err
	}
	if _, err := c.Join(ctx, room); err != nil {
		return errors.Join(err, c.Close())
	}
	p.client = c
	return nil
}

func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// talk sends messages until ctx ends.
func (p *person) talk(ctx context.Context) {
	text := strings.Repeat("v=0 ", p.scale.message/4)
	for n := 1; sleep(ctx, p.scale.pause); n++ {
		begun := time.Now()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.scale.ackWithin)
		_, err := p.client.Send(limited, "", message{n, text})
		cancel()
		if err != nil {
			p.ledger.fault(messaging, "%s: message %d after %v: %v", p.name, n, time.Since(begun).Round(time.Millisecond), err)
			return
		}
		p.ledger.good(messaging, time.Since(begun))
	}
}

// listen receives until the client ends.
func (p *person) listen() {
	for {
		event, err := p.client.Receive(context.Background())
		if err != nil {
			if !errors.Is(err, client.ErrClosed) && !p.isLeaving() {
				p.ledger.fault(keeping, "%s lost its seat: %v", p.name, err)
			}
			return
		}
		p.hear(event)
	}
}

// isLeaving reports whether the call is over. From then on the server may close
// the connection for others, because one of the two is alone in the room.
func (p *person) isLeaving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving
}

func (p *person) hear(event client.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case protocol.MessageEvent:
		var m message
		if err := json.Unmarshal(e.Data, &m); err != nil || m.N != p.heard+1 {
			p.ledger.fault(messaging, "%s hears message %d after %d, %v", p.name, m.N, p.heard, err)
		}
		p.heard = m.N
	case client.Interrupted:
		if p.cutAt.IsZero() && !p.leaving {
			p.ledger.fault(keeping, "%s lost its connection: %v", p.name, e.Err)
		}
	case client.Rejoined:
		if !e.Resumed && !p.leaving {
			p.ledger.fault(resuming, "%s has its seat back without what it missed", p.name)
		} else if !p.cutAt.IsZero() {
			p.ledger.good(resuming, time.Since(p.cutAt))
		}
		p.cutAt = time.Time{}
	case protocol.Bye:
		if !p.leaving {
			p.ledger.fault(keeping, "%s hears that the other one is gone: %s", p.name, e.Reason)
		}
	case protocol.Closing, protocol.Error:
		p.ledger.fault(keeping, "%s is told: %+v", p.name, e)
	}
}

// cut breaks the connection as a network does.
func (p *person) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt = time.Now()
	if tcp, ok := p.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = p.conn.Close()
}

// awaitBack waits until a connection that was cut is had back.
func (p *person) awaitBack(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, p.scale.joinWithin)
	defer cancel()
	for {
		p.mu.Lock()
		back := p.cutAt.IsZero()
		p.mu.Unlock()
		if back {
			return
		}
		if !sleep(limited, 20*time.Millisecond) {
			p.ledger.fault(resuming, "%s does not come back within %v", p.name, p.scale.joinWithin)
			return
		}
	}
}

// pair is a room with two people who talk.
type pair struct {
	people  []*person
	hush    context.CancelFunc
	talking sync.WaitGroup
	hearing sync.WaitGroup
}

// meet brings two people together; nil when one of them gets no seat.
func (c *crowd) meet(ctx context.Context, from, room string) *pair {
	pr := &pair{}
	for _, side := range []string{"a", "b"} {
		p := c.enter(ctx, from, room, room+side)
		if p == nil {
			pr.part(ctx)
			return nil
		}
		pr.people = append(pr.people, p)
		pr.hearing.Go(p.listen)
	}
	talking, hush := context.WithCancel(context.WithoutCancel(ctx))
	pr.hush = hush
	for _, p := range pr.people {
		pr.talking.Go(func() { p.talk(talking) })
	}
	return pr
}

// part ends the talk, and both leave.
func (pr *pair) part(ctx context.Context) {
	if pr.hush != nil {
		pr.hush()
	}
	pr.talking.Wait()
	for _, p := range pr.people {
		p.mu.Lock()
		p.leaving = true
		p.mu.Unlock()
	}
	for _, p := range pr.people {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWait)
		if err := p.client.Leave(limited); err != nil {
			p.ledger.fault(keeping, "%s cannot leave: %v", p.name, err)
		}
		cancel()
		if err := p.client.Close(); err != nil {
			p.ledger.fault(keeping, "%s: %v", p.name, err)
		}
	}
	pr.hearing.Wait()
}

// meetAll fills n rooms, one after the other begun at the pace of the limit on
// joins; those that came about are returned.
func (c *crowd) meetAll(ctx context.Context, from, name string, n int) []*pair {
	var all sync.WaitGroup
	pairs := make([]*pair, n)
	for i := range n {
		if i > 0 && !sleep(ctx, c.scale.pace) {
			break
		}
		all.Go(func() { pairs[i] = c.meet(ctx, from, fmt.Sprintf("%s-%d", name, i)) })
	}
	all.Wait()
	var met []*pair
	for _, pr := range pairs {
		if pr != nil {
			met = append(met, pr)
		}
	}
	return met
}

// partAll ends rooms side by side.
func partAll(ctx context.Context, pairs []*pair) {
	var all sync.WaitGroup
	for _, pr := range pairs {
		all.Go(func() { pr.part(ctx) })
	}
	all.Wait()
}
