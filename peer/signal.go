package peer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// sendsQueued is the most messages that may wait for the server: more than a call
// sends, however many candidates it has.
const sendsQueued = 1024

// signal is the call's seat, and the goroutines between the call and its Signaler, so that
// neither blocks the other.
type signal struct {
	signaler Signaler
	seat     Seat
	events   chan client.Event // closed when there will be no more
	err      error             // why; set before

	ctx    context.Context //nolint:containedctx // of its goroutines
	cancel context.CancelFunc
	wait   sync.WaitGroup
	queue  chan outgoing
}

type outgoing struct {
	to   string
	data protocol.CallData
}

// joinRoom joins the room, within ConnectTimeout.
func joinRoom(ctx context.Context, cfg *Config, t *timeline) (*signal, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout,
		fmt.Errorf("the server did not answer within %v", cfg.ConnectTimeout))
	defer cancel()
	s := &signal{signaler: cfg.Signaler, events: make(chan client.Event), queue: make(chan outgoing, sendsQueued)}
	if s.signaler == nil {
		s.signaler = &serverSignaler{cfg: cfg, opened: func() { t.wsOpen = time.Now() }}
	}
	var err error
	if s.seat, err = s.signaler.Join(bounded); err != nil {
		return nil, err
	}
	t.joined = time.Now()
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.wait.Go(s.receiveLoop)
	s.wait.Go(func() { s.sendLoop(cfg) })
	return s, nil
}

func (s *signal) receiveLoop() {
	defer close(s.events)
	for {
		event, err := s.signaler.Receive(s.ctx)
		if err != nil {
			s.err = err
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

func (s *signal) sendLoop(cfg *Config) {
	for {
		select {
		case m := <-s.queue:
			if err := s.signaler.Send(s.ctx, m.to, m.data); err != nil && s.ctx.Err() == nil {
				cfg.Logger.Debug("a message was not sent", "err", err)
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// report sends a report to the server's operator, if that is possible.
func (s *signal) report(cfg *Config, event string, data any) {
	o, ok := s.signaler.(operator)
	if !ok {
		return
	}
	s.wait.Go(func() {
		if err := o.Report(s.ctx, event, data); err != nil && s.ctx.Err() == nil {
			cfg.Logger.Debug("a report was rejected", "err", err)
		}
	})
}

// leave leaves the room, if the server can still be reached.
func (s *signal) leave() {
	ctx, cancel := context.WithTimeout(s.ctx, leaveTimeout)
	defer cancel()
	_ = s.signaler.Leave(ctx) // otherwise the server sees the connection end
}

// close closes the connection to the server and waits for the goroutines.
func (s *signal) close() {
	s.cancel()
	_ = s.signaler.Close() // an error changes nothing
	s.wait.Wait()
}
