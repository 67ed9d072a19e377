package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// sendsQueued is the most messages that may wait for the server: more than a call
// sends, however many candidates it has.
const sendsQueued = 1024

// minJoinPause is between two attempts to join, even if the server asks for less.
const minJoinPause = 100 * time.Millisecond

// signal is the call's seat in the room. Messages are sent in order, without waiting
// for the acks of earlier ones and without blocking the sender.
type signal struct {
	client *client.Client
	joined protocol.Joined
	events chan client.Event // closed when the server was lost for good

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

// joinRoom dials the server and joins the room, within ConnectTimeout.
func joinRoom(ctx context.Context, cfg *Config, t *timeline) (*signal, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout,
		fmt.Errorf("the server did not answer within %v", cfg.ConnectTimeout))
	defer cancel()
	c, joined, err := joinWhenAllowed(bounded, cfg, t)
	if err != nil {
		return nil, err
	}
	t.joined = time.Now()
	s := &signal{
		client: c, joined: joined, events: make(chan client.Event),
		queue: make(chan outgoing, sendsQueued), sent: make(chan *client.Sent, sendsQueued),
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.wait.Go(s.receiveLoop)
	s.wait.Go(func() { s.postLoop(cfg) })
	s.wait.Go(func() { s.awaitAcks(cfg) })
	return s, nil
}

// joinWhenAllowed dials and joins. When the server refuses for the moment, because too many
// do so at once, it waits for as long as the server asks, and tries again until ctx ends. It
// holds no connection meanwhile, because the server closes those that do not join soon.
func joinWhenAllowed(ctx context.Context, cfg *Config, t *timeline) (*client.Client, protocol.Joined, error) {
	for {
		c, joined, err := dialAndJoin(ctx, cfg, t)
		after, again := retryAfter(err)
		if !again {
			return c, joined, err
		}
		cfg.Logger.Debug("the server refused for the moment", "error", err)
		pause := time.NewTimer(max(after, minJoinPause))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, joined, err // which says more than the deadline
		}
	}
}

func dialAndJoin(ctx context.Context, cfg *Config, t *timeline) (*client.Client, protocol.Joined, error) {
	c, err := client.Dial(ctx, client.Config{
		URL: cfg.Server, TLS: cfg.TLS, Name: cfg.Name, Token: cfg.Token, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, protocol.Joined{}, err
	}
	t.wsOpen = time.Now()
	joined, err := c.Join(ctx, cfg.Room)
	if err != nil {
		_ = c.Close() // the error of Join matters more
		return nil, protocol.Joined{}, err
	}
	return c, joined, nil
}

// retryAfter reports whether err is a refusal for the moment, and after how long the server
// wants to be asked again.
func retryAfter(err error) (time.Duration, bool) {
	if refusal, ok := errors.AsType[protocol.Error](err); ok {
		return refusal.After.Duration(), refusal.Retry
	}
	if refusal, ok := errors.AsType[*client.HandshakeError](err); ok {
		return refusal.After, refusal.After > 0
	}
	closed, ok := errors.AsType[*client.CloseError](err)
	return 0, ok && !protocol.IsFinalClose(closed.Code)
}

func (s *signal) receiveLoop() {
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

// send queues a message. If the queue is full, which does not happen in any call,
// the message is dropped.
func (s *signal) send(to string, data protocol.CallData) {
	select {
	case s.queue <- outgoing{to, data}:
	default:
	}
}

func (s *signal) postLoop(cfg *Config) {
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

// awaitAcks waits for the ack of each message.
func (s *signal) awaitAcks(cfg *Config) {
	for sent := range s.sent {
		if _, err := sent.Ack(s.ctx); err != nil && s.ctx.Err() == nil {
			// If the partner is gone, a bye follows; what the server has forgotten is sent again, see partnerReturned.
			cfg.Logger.Debug("a message was rejected", "err", err)
		}
	}
}

// report sends a report to the server's operator, if the server can be reached.
func (s *signal) report(cfg *Config, event string, data any) {
	s.wait.Go(func() {
		if err := s.client.Report(s.ctx, event, data); err != nil && s.ctx.Err() == nil {
			cfg.Logger.Debug("a report was rejected", "err", err)
		}
	})
}

// leave leaves the room, if the server can still be reached.
func (s *signal) leave() {
	ctx, cancel := context.WithTimeout(s.ctx, leaveTimeout)
	defer cancel()
	_ = s.client.Leave(ctx) // otherwise the server sees the connection end
}

// close closes the connection to the server and waits for the goroutines.
func (s *signal) close() {
	s.cancel()
	_ = s.client.Close() // an error changes nothing
	s.wait.Wait()
}
