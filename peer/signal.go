package peer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// sendsQueued bounds the messages that wait for the server: more than a call
// makes, however many candidates it has.
const sendsQueued = 1024

// signal is the call's seat in the room. Messages are sent in order, without waiting for
// one another's acks, and without holding up who sends them.
type signal struct {
	client *client.Client
	joined protocol.Joined
	events chan client.Event // closed when the server is lost for good

	ctx    context.Context //nolint:containedctx // of its goroutines
	cancel context.CancelFunc
	wait   sync.WaitGroup
	queue  chan outgoing
	sent   chan *client.Sent
}

type outgoing struct {
	to   string
	data protocol.CallData
}

// enter dials the server and joins the room, within ConnectTimeout.
func enter(ctx context.Context, cfg *Config, t *timeline) (*signal, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout,
		fmt.Errorf("the server did not answer within %v", cfg.ConnectTimeout))
	defer cancel()
	c, err := client.Dial(bounded, client.Config{
		URL: cfg.Server, TLS: cfg.TLS, Name: cfg.Name, Token: cfg.Token, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	t.wsOpen = time.Now()
	joined, err := c.Join(bounded, cfg.Room)
	if err != nil {
		_ = c.Close() // the fault before matters more
		return nil, err
	}
	t.joined = time.Now()
	s := &signal{
		client: c, joined: joined, events: make(chan client.Event),
		queue: make(chan outgoing, sendsQueued), sent: make(chan *client.Sent, sendsQueued),
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.wait.Go(s.receive)
	s.wait.Go(func() { s.post(cfg) })
	s.wait.Go(func() { s.confirm(cfg) })
	return s, nil
}

func (s *signal) receive() {
	defer close(s.events)
	for {
		event, err := s.client.Receive(s.ctx)
		if err != nil {
			return
		}
		select {
		case s.events <- event:
		case <-s.ctx.Done():
			return
		}
	}
}

// send queues a message; when the queue is full, which no call fills, it is dropped.
func (s *signal) send(to string, data protocol.CallData) {
	select {
	case s.queue <- outgoing{to, data}:
	default:
	}
}

func (s *signal) post(cfg *Config) {
	defer close(s.sent)
	for {
		select {
		case m := <-s.queue:
			sent, err := s.client.Post(m.to, m.data)
			if err != nil {
				cfg.Logger.Debug("a message was not sent", "err", err)
				continue
			}
			select {
			case s.sent <- sent:
			case <-s.ctx.Done():
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// confirm hears of each message whether it was taken.
func (s *signal) confirm(cfg *Config) {
	for sent := range s.sent {
		if _, err := sent.Ack(s.ctx); err != nil && s.ctx.Err() == nil {
			// Who is gone is said goodbye for by the server; what a server forgot is said again, see returned.
			cfg.Logger.Debug("a message was rejected", "err", err)
		}
	}
}

// report tells the server's operator something, when the server is there to hear it.
func (s *signal) report(cfg *Config, event string, data any) {
	s.wait.Go(func() {
		if err := s.client.Report(s.ctx, event, data); err != nil && s.ctx.Err() == nil {
			cfg.Logger.Debug("a report was rejected", "err", err)
		}
	})
}

// leave says goodbye, if the server is still there to hear it.
func (s *signal) leave() {
	ctx, cancel := context.WithTimeout(s.ctx, leaveTimeout)
	defer cancel()
	_ = s.client.Leave(ctx) // a server that is lost sees the connection end
}

// close closes the connection and waits.
func (s *signal) close() {
	s.cancel()
	_ = s.client.Close() // nothing more is wanted of it
	s.wait.Wait()
}
