package signaling

import (
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// Snapshot is what a [Server] has counted. Gauges are current values; all else
// counts from the server's start.
type Snapshot struct {
	Connections int            // gauge: connections, joined or not
	Transports  map[string]int // gauge: the same, by kind
	Rooms       int            // gauge
	Peers       int            // gauge: seats that are held
	Away        int            // gauge: those of them whose connection broke

	Accepted    uint64            // connections made
	Refused     uint64            // handshakes that were answered with an HTTP error
	FramesIn    uint64            // frames from clients, of any kind
	BadFrames   uint64            // answered with bad_frame
	RateLimited uint64            // answered with rate_limited
	Joins       map[string]uint64 // joins by result: joined, resumed, recovered (resumed:false to a resume), replaced, full, unauthorized, rate_limited, closing, refused (anything else)
	Joined      uint64            // joins answered with joined
	Full        uint64            // joins answered with full
	Messages    uint64            // messages queued for a receiver, each receiver counted
	QueueFull   uint64            // messages refused because a receiver's queue was full
	Lost        uint64            // peers whose events were dropped because they confirmed none for too long
	Reports     uint64            // reports of clients
	Ended       map[string]uint64 // peers that ended, by reason; closing = the server went down
	Closed      map[int]uint64    // connections ended, by close code; 1006 = it broke without a close frame, 0 = another code, which the client sent
	Relay       Histogram         // seconds from reading a message to handing it to the receiver's transport
}

// Histogram counts observations by size.
type Histogram struct {
	Bounds []float64 // upper bounds, ascending
	Counts []uint64  // observations of at most the bound, and of more than the bound before; the last has no bound
	Sum    float64   // of all observations
}

// closeAbnormal stands for a connection that broke without a close frame
// (RFC 6455, section 7.4.1).
const closeAbnormal = 1006

type counters struct {
	accepted, refused, framesIn, badFrames, rateLimited atomic.Uint64
	messages, queueFull, lost, reports                  atomic.Uint64

	joins [joinResults]atomic.Uint64
	ended [len(endReasons)]atomic.Uint64
	codes [len(closeCodes) + 1]atomic.Uint64 // the last for codes that only clients send
	relay histogram
}

//nolint:gochecknoglobals // tables
var (
	endReasons = [...]protocol.Reason{
		protocol.ReasonLeft, protocol.ReasonTimeout, protocol.ReasonReplaced, protocol.ReasonKicked, reasonClosing,
	}
	// closeCodes are all codes that the server itself closes with, and closeAbnormal.
	closeCodes = [...]int{
		protocol.CloseLeft, protocol.CloseGoingAway, closeProtocolError, closeAbnormal, closeInvalidPayload, protocol.ClosePolicy,
		protocol.CloseTooLarge, protocol.CloseRestart, protocol.CloseTakenOver, protocol.CloseTooSlow,
	}
	relayBounds = [...]time.Duration{
		50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second,
	}
)

func (c *counters) closed(code int) {
	i := 0
	for i < len(closeCodes) && closeCodes[i] != code {
		i++
	}
	c.codes[i].Add(1)
}

func (c *counters) peerEnded(reason protocol.Reason) {
	for i, r := range endReasons {
		if r == reason {
			c.ended[i].Add(1)
		}
	}
}

// joinFailed counts a join that was refused with that code.
func (c *counters) joinFailed(code protocol.Code) {
	result := joinRefused
	switch code {
	case protocol.CodeRateLimited:
		result = joinRateLimited
	case protocol.CodeClosing:
		result = joinClosing
	default:
	}
	c.joins[result].Add(1)
}

// histogram counts durations.
type histogram struct {
	counts [len(relayBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(relayBounds) && d > relayBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) snapshot() Histogram {
	s := Histogram{Sum: time.Duration(h.sum.Load()).Seconds()}
	for _, bound := range relayBounds {
		s.Bounds = append(s.Bounds, bound.Seconds())
	}
	for i := range h.counts {
		s.Counts = append(s.Counts, h.counts[i].Load())
	}
	return s
}

// Snapshot returns the counters as they are now.
func (s *Server) Snapshot() Snapshot {
	c := &s.counters
	snapshot := Snapshot{
		Transports:  make(map[string]int),
		Accepted:    c.accepted.Load(),
		Refused:     c.refused.Load(),
		FramesIn:    c.framesIn.Load(),
		BadFrames:   c.badFrames.Load(),
		RateLimited: c.rateLimited.Load(),
		Joins:       make(map[string]uint64),
		Full:        c.joins[joinFull].Load(),
		Messages:    c.messages.Load(),
		QueueFull:   c.queueFull.Load(),
		Lost:        c.lost.Load(),
		Reports:     c.reports.Load(),
		Ended:       make(map[string]uint64),
		Closed:      make(map[int]uint64),
		Relay:       c.relay.snapshot(),
	}
	snapshot.Rooms, snapshot.Peers, snapshot.Away = s.rooms.count()
	s.mu.Lock()
	snapshot.Connections = len(s.connections)
	for each := range s.connections {
		snapshot.Transports[each.transport.kind().String()]++
	}
	s.mu.Unlock()
	for result := range joinResults {
		n := c.joins[result].Load()
		snapshot.Joins[result.String()] = n
		if result <= joinReplaced {
			snapshot.Joined += n
		}
	}
	for i, reason := range endReasons {
		snapshot.Ended[string(reason)] = c.ended[i].Load()
	}
	for i, code := range closeCodes {
		snapshot.Closed[code] = c.codes[i].Load()
	}
	if other := c.codes[len(closeCodes)].Load(); other > 0 {
		snapshot.Closed[0] = other
	}
	return snapshot
}
