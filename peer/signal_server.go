package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// minJoinPause is between two attempts to join, even if the server asks for less.
const minJoinPause = 100 * time.Millisecond

// serverSignaler is the Signaler of a callbox server. Messages are sent in order, without
// waiting for the acks of earlier ones.
type serverSignaler struct {
	cfg    *Config
	opened func() // called when the connection is open, before each attempt to join
	client *client.Client

	ctx    context.Context //nolint:containedctx // of awaitAcks
	cancel context.CancelFunc
	wait   sync.WaitGroup
	sent   chan *client.Sent
}

// Join implements Signaler. When the server refuses for the moment, because too many join
// at once, it waits for as long as the server asks, and tries again until ctx ends. It
// holds no connection meanwhile, because the server closes those that do not join soon.
func (s *serverSignaler) Join(ctx context.Context) (Seat, error) {
	for {
		joined, err := s.dialAndJoin(ctx)
		if err == nil {
			s.sent = make(chan *client.Sent, sendsQueued)
			s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
			s.wait.Go(s.awaitAcks)
			return Seat{Joined: joined}, nil
		}
		after, again := retryAfter(err)
		if !again || s.cfg.Refused != nil && !s.cfg.Refused(err, after) {
			return Seat{}, err
		}
		s.cfg.Logger.Debug("the server refused for the moment", "error", err)
		pause := time.NewTimer(max(after, minJoinPause))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return Seat{}, err // which says more than the deadline
		}
	}
}

func (s *serverSignaler) dialAndJoin(ctx context.Context) (protocol.Joined, error) {
	c, err := client.Dial(ctx, client.Config{
		URL: s.cfg.Server, TLS: s.cfg.TLS, Name: s.cfg.Name, Token: s.cfg.Token, Logger: s.cfg.Logger,
		DialContext: s.cfg.DialServer,
	})
	if err != nil {
		return protocol.Joined{}, err
	}
	s.opened()
	joined, err := c.Join(ctx, s.cfg.Room)
	if err != nil {
		_ = c.Close() // the error of Join matters more
		return protocol.Joined{}, err
	}
	s.client = c
	return joined, nil
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

// Receive implements Signaler.
func (s *serverSignaler) Receive(ctx context.Context) (client.Event, error) {
	event, err := s.client.Receive(ctx)
	if lost := s.client.Err(); err != nil && lost != nil { // which says why
		err = lost
	}
	return event, err
}

// Send implements Signaler.
func (s *serverSignaler) Send(_ context.Context, to string, data protocol.CallData) error {
	sent, err := s.client.Post(to, data)
	if err != nil {
		return err
	}
	select {
	case s.sent <- sent:
	case <-s.ctx.Done():
	}
	return nil
}

// awaitAcks waits for the ack of each message.
func (s *serverSignaler) awaitAcks() {
	for {
		select {
		case sent := <-s.sent:
			if _, err := sent.Ack(s.ctx); err != nil && s.ctx.Err() == nil {
				// If the partner is gone, a bye follows; what the server has forgotten is sent again, see partnerReturned.
				s.cfg.Logger.Debug("a message was rejected", "err", err)
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// Report implements operator.
func (s *serverSignaler) Report(ctx context.Context, event string, data any) error {
	return s.client.Report(ctx, event, data)
}

// Leave implements Signaler.
func (s *serverSignaler) Leave(ctx context.Context) error { return s.client.Leave(ctx) }

// Close implements Signaler.
func (s *serverSignaler) Close() error {
	s.cancel()
	err := s.client.Close()
	s.wait.Wait()
	return err
}
