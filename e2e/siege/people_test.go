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

// env is what all simulated people share.
type env struct {
	scale    *scale
	server   *server
	token    string
	outcomes *outcomes
}

// person is a peer that sends messages to the other one in its room.
type person struct {
	*env
	name   string
	client *client.Client

	mu      sync.Mutex
	conn    net.Conn  // the newest
	cutAt   time.Time // when it was cut; zero = it was not
	last    int       // number of the last message that arrived
	leaving bool
}

// message is about as large as a session description.
type message struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// join takes a seat. It tries again when it is refused, as people do.
func (c *env) join(ctx context.Context, from, room, name string) *person {
	p := &person{env: c, name: name}
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.scale.joinWithin)
	defer cancel()
	for {
		err := p.tryJoin(limited, from, room)
		if err == nil {
			c.outcomes.success(joining, time.Since(begun))
			return p
		}
		if !sleep(limited, 200*time.Millisecond) {
			if ctx.Err() == nil {
				c.outcomes.fault(joining, "%s has no seat after %v: %v", name, time.Since(begun).Round(time.Millisecond), err)
			}
			return nil
		}
		c.outcomes.retried()
	}
}

func (p *person) tryJoin(ctx context.Context, from, room string) error {
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

// sleep waits for d or the end of ctx. It reports whether ctx has not ended.
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

// sendMessages sends messages until ctx ends.
func (p *person) sendMessages(ctx context.Context) {
	text := strings.Repeat("v=0 ", p.scale.message/4)
	for n := 1; sleep(ctx, p.scale.pause); n++ {
		begun := time.Now()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.scale.ackWithin)
		_, err := p.client.Send(limited, "", message{n, text})
		cancel()
		if err != nil {
			p.outcomes.fault(messaging, "%s: message %d after %v: %v", p.name, n, time.Since(begun).Round(time.Millisecond), err)
			return
		}
		p.outcomes.success(messaging, time.Since(begun))
	}
}

// receive receives events until the client is closed.
func (p *person) receive() {
	for {
		event, err := p.client.Receive(context.Background())
		if err != nil {
			if !errors.Is(err, client.ErrClosed) && !p.isLeaving() {
				p.outcomes.fault(keeping, "%s lost its seat: %v", p.name, err)
			}
			return
		}
		p.handle(event)
	}
}

// isLeaving reports whether the call is over. From then on the server may close
// the connection for others, because one of the two is alone in the room.
func (p *person) isLeaving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving
}

func (p *person) handle(event client.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case protocol.MessageEvent:
		var m message
		if err := json.Unmarshal(e.Data, &m); err != nil || m.N != p.last+1 {
			p.outcomes.fault(messaging, "%s got message %d after %d, %v", p.name, m.N, p.last, err)
		}
		p.last = m.N
	case client.Interrupted:
		if p.cutAt.IsZero() && !p.leaving {
			p.outcomes.fault(keeping, "%s lost its connection: %v", p.name, e.Err)
		}
	case client.Rejoined:
		if !e.Resumed && !p.leaving {
			p.outcomes.fault(resuming, "%s rejoined, and events are lost", p.name)
		} else if !p.cutAt.IsZero() {
			p.outcomes.success(resuming, time.Since(p.cutAt))
		}
		p.cutAt = time.Time{}
	case protocol.Bye:
		if !p.leaving {
			p.outcomes.fault(keeping, "%s was told that the other peer is gone: %s", p.name, e.Reason)
		}
	case protocol.Closing, protocol.Error:
		p.outcomes.fault(keeping, "%s got %+v", p.name, e)
	}
}

// cut breaks the connection, as a network can.
func (p *person) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt = time.Now()
	if tcp, ok := p.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = p.conn.Close()
}

// awaitRejoin waits until the person has rejoined after cut.
func (p *person) awaitRejoin(ctx context.Context) {
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
			p.outcomes.fault(resuming, "%s has not rejoined within %v", p.name, p.scale.joinWithin)
			return
		}
	}
}

// pair is a room with two people who send each other messages.
type pair struct {
	people    []*person
	stop      context.CancelFunc // ends sending
	sending   sync.WaitGroup
	receiving sync.WaitGroup
}

// startPair has two people join a room. It returns nil if one of them gets no seat.
func (c *env) startPair(ctx context.Context, from, room string) *pair {
	pr := &pair{}
	for _, side := range []string{"a", "b"} {
		p := c.join(ctx, from, room, room+side)
		if p == nil {
			pr.leave(ctx)
			return nil
		}
		pr.people = append(pr.people, p)
		pr.receiving.Go(p.receive)
	}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	pr.stop = stop
	for _, p := range pr.people {
		pr.sending.Go(func() { p.sendMessages(sending) })
	}
	return pr
}

// leave stops sending, and both people leave.
func (pr *pair) leave(ctx context.Context) {
	if pr.stop != nil {
		pr.stop()
	}
	pr.sending.Wait()
	for _, p := range pr.people {
		p.mu.Lock()
		p.leaving = true
		p.mu.Unlock()
	}
	for _, p := range pr.people {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWait)
		if err := p.client.Leave(limited); err != nil {
			p.outcomes.fault(keeping, "%s cannot leave: %v", p.name, err)
		}
		cancel()
		if err := p.client.Close(); err != nil {
			p.outcomes.fault(keeping, "%s: %v", p.name, err)
		}
	}
	pr.receiving.Wait()
}

// startPairs starts n pairs, at a pace below the limit on joins. It returns those
// that did not fail.
func (c *env) startPairs(ctx context.Context, from, name string, n int) []*pair {
	var all sync.WaitGroup
	pairs := make([]*pair, n)
	for i := range n {
		if i > 0 && !sleep(ctx, c.scale.pace) {
			break
		}
		all.Go(func() { pairs[i] = c.startPair(ctx, from, fmt.Sprintf("%s-%d", name, i)) })
	}
	all.Wait()
	var started []*pair
	for _, pr := range pairs {
		if pr != nil {
			started = append(started, pr)
		}
	}
	return started
}

// leavePairs has all pairs leave at the same time.
func leavePairs(ctx context.Context, pairs []*pair) {
	var all sync.WaitGroup
	for _, pr := range pairs {
		all.Go(func() { pr.leave(ctx) })
	}
	all.Wait()
}
