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
	*crowd
	name  string
	sides []*side
}

// side is one of the two bots.
type side struct {
	*call
	bot     *peer.Call
	framed  chan struct{} // closed with the first frame
	mu      sync.Mutex
	last    time.Time // of the last frame
	hushed  bool      // it is about to end
	present sync.Once
}

// dial makes a call, which is under way when it returns; nil when it does not
// come about.
func (c *crowd) dial(ctx context.Context, name string, over peer.TURNProtocol) *call {
	cl := &call{crowd: c, name: name}
	for i := range 2 {
		s := &side{call: cl, framed: make(chan struct{})}
		if err := s.join(ctx, fmt.Sprintf("%s%c", name, 'a'+i), over); err != nil {
			c.ledger.fault(calling, "%s: %v", name, err)
			cl.end()
			return nil
		}
		cl.sides = append(cl.sides, s)
	}
	for _, s := range cl.sides {
		select {
		case <-s.framed:
		case <-s.bot.Done():
			c.ledger.fault(calling, "%s: no picture: %s", name, s.bot.Wait().Reason)
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
		Video: video, Audio: peer.Tone(), VideoSink: s, ICE: peer.Relay, TURNProtocol: over,
		Duration: -1, ConnectTimeout: s.scale.joinWithin, TLS: insecure(), Observe: s.observe,
	})
	return err
}

// Frame implements peer.VideoSink.
func (s *side) Frame(f peer.ReceivedFrame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() {
		s.ledger.good(calling, f.At.Sub(s.last))
	}
	s.last = f.At
	s.present.Do(func() { close(s.framed) })
}

func (s *side) observe(e peer.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hushed {
		return
	}
	switch e.Kind {
	case peer.EventDisconnected, peer.EventRebuild, peer.EventSignalingLost:
		s.ledger.fault(calling, "%s: %s", s.name, e.Kind)
	case peer.EventPeerLeft:
		s.ledger.fault(calling, "%s: %s: %s", s.name, e.Kind, e.Reason)
	default:
	}
}

// check notes when no frame has come for too long.
func (s *side) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gap := time.Since(s.last); gap > s.scale.gap {
		s.ledger.fault(calling, "%s: no frame for %v", s.name, gap.Round(time.Millisecond))
	}
}

// end hangs up and judges the reports.
func (c *call) end() {
	for _, s := range c.sides {
		s.mu.Lock()
		s.hushed = true
		s.mu.Unlock()
	}
	for _, s := range c.sides {
		s.bot.Hangup()
	}
	for _, s := range c.sides {
		c.judge(s.bot.Wait())
	}
}

func (c *call) judge(r *peer.Report) {
	video := r.Received("video")
	switch {
	case r.ExitCode != peer.Good || video == nil || video.Frames == nil:
		c.ledger.fault(calling, "%s ended with exit code %d: %s", c.name, r.ExitCode, r.Reason)
	case r.Path == nil || r.Path.Type != peer.Relayed:
		c.ledger.fault(calling, "%s was not relayed", c.name)
	default:
		frames := video.Frames
		received, missing := *frames.Received, *frames.MissingCount
		if *frames.Intact != received || *frames.Corrupt > 0 || float64(missing) > c.scale.missing*float64(received+missing) {
			c.ledger.fault(calling, "%s: of %d frames %d are intact, %d corrupt, %d missing",
				c.name, received, *frames.Intact, *frames.Corrupt, missing)
		}
	}
}

// dialAll makes n calls, a few at a time, over each of the ways to a relay.
func (c *crowd) dialAll(ctx context.Context, n int) []*call {
	ways := []peer.TURNProtocol{peer.TURNOverUDP, peer.TURNOverUDP, peer.TURNOverTCP, peer.TURNOverTLS}
	calls := make([]*call, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 3)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			calls[i] = c.dial(ctx, fmt.Sprintf("call-%d", i), ways[i%len(ways)])
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
