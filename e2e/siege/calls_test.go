package siege

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
)

// call is a relayed call of two bots.
type call struct {
	*env
	name  string
	sides []*side
}

// side is one of the two bots.
type side struct {
	*call
	bot    *peer.Call
	framed chan struct{} // closed when the first frame arrives
	mu     sync.Mutex
	last   time.Time // of the last frame
	ending bool      // the call is about to end
	once   sync.Once // closes framed
}

// startCall starts a call, and returns when both sides have received a frame. It
// returns nil if the call fails.
func (c *env) startCall(ctx context.Context, name string, over peer.TURNProtocol) *call {
	cl := &call{env: c, name: name}
	for i := range 2 {
		s := &side{call: cl, framed: make(chan struct{})}
		if err := s.join(ctx, fmt.Sprintf("%s%c", name, 'a'+i), over); err != nil {
			c.outcomes.fault(calling, "%s: %v", name, err)
			cl.end()
			return nil
		}
		cl.sides = append(cl.sides, s)
	}
	for _, s := range cl.sides {
		select {
		case <-s.framed:
		case <-s.bot.Done():
			c.outcomes.fault(calling, "%s received no video: %s", name, s.bot.Wait().Reason)
			cl.end()
			return nil
		}
	}
	return cl
}

func (s *side) join(ctx context.Context, name string, over peer.TURNProtocol) (err error) {
	video, err := peer.Pattern(pattern.Size{Width: pattern.MinWidth, Height: pattern.MinHeight}, s.scale.fps)
	if err != nil {
		return err
	}
	s.bot, err = peer.Join(ctx, peer.Config{
		Server: "https://" + net.JoinHostPort(publicAddr, s.server.ports.https), Room: s.name, Name: name, Token: s.token,
		Video: video, Audio: peer.Tone(), Sink: s, ICE: peer.Relay, TURNProtocol: over,
		Duration: -1, ConnectTimeout: s.scale.joinWithin, TLS: insecure(), Observe: s.observe,
	})
	return err
}

// Frame implements peer.Sink.
func (s *side) Frame(f peer.ReceivedFrame) {
	if f.Codec.Kind() != "video" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() {
		s.outcomes.success(calling, f.At.Sub(s.last))
	}
	s.last = f.At
	s.once.Do(func() { close(s.framed) })
}

func (s *side) observe(e peer.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return
	}
	switch e.Kind {
	case peer.EventDisconnected, peer.EventRebuild, peer.EventSignalingLost:
		s.outcomes.fault(calling, "%s: %s", s.name, e.Kind)
	case peer.EventPeerLeft:
		s.outcomes.fault(calling, "%s: %s: %s", s.name, e.Kind, e.Reason)
	default:
	}
}

// check reports a fault if no frame has arrived for too long.
func (s *side) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gap := time.Since(s.last); gap > s.scale.gap {
		s.outcomes.fault(calling, "%s: no frame for %v", s.name, gap.Round(time.Millisecond))
	}
}

// end hangs up and checks the reports.
func (c *call) end() {
	for _, s := range c.sides {
		s.mu.Lock()
		s.ending = true
		s.mu.Unlock()
	}
	for _, s := range c.sides {
		s.bot.Hangup()
	}
	for _, s := range c.sides {
		c.checkReport(s.bot.Wait())
	}
}

func (c *call) checkReport(r *peer.Report) {
	video := r.Received("video")
	switch {
	case r.ExitCode != peer.Good || video == nil || video.Frames == nil:
		c.outcomes.fault(calling, "%s ended with exit code %d: %s", c.name, r.ExitCode, r.Reason)
	case r.Path == nil || r.Path.Type != peer.Relayed:
		c.outcomes.fault(calling, "%s was not relayed", c.name)
	default:
		frames := video.Frames
		received, missing := *frames.Received, *frames.MissingCount
		if *frames.Intact != received || *frames.Corrupt > 0 || float64(missing) > c.scale.missing*float64(received+missing) {
			c.outcomes.fault(calling, "%s: of %d frames %d are intact, %d corrupt, %d missing",
				c.name, received, *frames.Intact, *frames.Corrupt, missing)
		}
	}
}

// startCalls starts n calls, three at a time, with different transports to the
// relays. It returns those that did not fail.
func (c *env) startCalls(ctx context.Context, n int) []*call {
	protocols := []peer.TURNProtocol{peer.TURNOverUDP, peer.TURNOverUDP, peer.TURNOverTCP, peer.TURNOverTLS}
	calls := make([]*call, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 3)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			calls[i] = c.startCall(ctx, fmt.Sprintf("call-%d", i), protocols[i%len(protocols)])
		})
	}
	all.Wait()
	var made []*call
	for _, cl := range calls {
		if cl != nil {
			made = append(made, cl)
		}
	}
	return made
}
