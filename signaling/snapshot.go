package signaling

import (
	"sync/atomic"

	"callbox/signaling/protocol"
)

// Snapshot is what a [Server] counted. Gauges say what is now, the rest counts
// from the server's start.
type Snapshot struct {
	Connections int // gauge: connections, joined or not
	Rooms       int // gauge
	Peers       int // gauge: taken seats

	Accepted    uint64         // connections made
	Refused     uint64         // handshakes that were answered with an HTTP error
	FramesIn    uint64         // frames from clients, of any kind
	BadFrames   uint64         // answered with bad_frame
	RateLimited uint64         // answered with rate_limited
	Joined      uint64         // joins answered with joined
	Full        uint64         // joins answered with full
	Messages    uint64         // messages queued for a receiver, each receiver counted
	QueueFull   uint64         // messages that found a receiver's queue full
	Reports     uint64         // reports of clients
	Closed      map[int]uint64 // connections ended, by close code; 1006 = it broke
}

// closeAbnormal stands for a connection that broke without a close frame
// (RFC 6455, section 7.4.1).
const closeAbnormal = 1006

type counters struct {
	accepted, refused, framesIn, badFrames, rateLimited atomic.Uint64
	joined, full, messages, queueFull, reports          atomic.Uint64

	left, goingAway, protocolError, abnormal, policy, tooLarge, tooSlow, other atomic.Uint64
}

func (c *counters) closed(code int) {
	c.byCode(code).Add(1)
}

func (c *counters) byCode(code int) *atomic.Uint64 {
	switch code {
	case protocol.CloseLeft:
		return &c.left
	case protocol.CloseGoingAway:
		return &c.goingAway
	case closeProtocolError:
		return &c.protocolError
	case closeAbnormal:
		return &c.abnormal
	case protocol.ClosePolicy:
		return &c.policy
	case protocol.CloseTooLarge:
		return &c.tooLarge
	case protocol.CloseTooSlow:
		return &c.tooSlow
	default:
		return &c.other
	}
}

// Snapshot returns the counters as they are now.
func (s *Server) Snapshot() Snapshot {
	c := &s.counters
	s.mu.Lock()
	connections := len(s.sessions)
	s.mu.Unlock()
	rooms, peers := s.rooms.count()
	snapshot := Snapshot{
		Connections: connections,
		Rooms:       rooms,
		Peers:       peers,
		Accepted:    c.accepted.Load(),
		Refused:     c.refused.Load(),
		FramesIn:    c.framesIn.Load(),
		BadFrames:   c.badFrames.Load(),
		RateLimited: c.rateLimited.Load(),
		Joined:      c.joined.Load(),
		Full:        c.full.Load(),
		Messages:    c.messages.Load(),
		QueueFull:   c.queueFull.Load(),
		Reports:     c.reports.Load(),
		Closed:      make(map[int]uint64),
	}
	for _, code := range []int{
		protocol.CloseLeft, protocol.CloseGoingAway, closeProtocolError, closeAbnormal,
		protocol.ClosePolicy, protocol.CloseTooLarge, protocol.CloseTooSlow,
	} {
		snapshot.Closed[code] = c.byCode(code).Load()
	}
	if other := c.other.Load(); other > 0 {
		snapshot.Closed[0] = other
	}
	return snapshot
}
