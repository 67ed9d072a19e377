package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

const (
	// maxLimited is how many frames beyond the rate a client may send within a
	// minute; a large one counts by its size.
	maxExcessFrames = 1000
	// frameUnit is how many bytes of a frame count as one frame: a large one
	// costs more.
	frameUnit = 8 << 10
	// floodPause is how long a client is not read from that sends beyond the rate
	// faster than it is read: TCP has it wait, which costs less than to refuse.
	floodPause = 100 * time.Millisecond
)

// bounds counts what few clients do.
type abuseCounts struct {
	badFrames badFrames
	excess    bucket // frames beyond their rate
	reports   bucket
}

func (c *connection) abuseCounts() *abuseCounts {
	if c.abuse == nil {
		c.abuse = new(abuseCounts)
	}
	return c.abuse
}

// floods is the rate of frames beyond the rate.
func excessRate() rate {
	const interval = time.Minute / maxExcessFrames
	return rate{interval: interval, slack: interval * (maxExcessFrames - 1)}
}

// takeFrame counts a frame of that many bytes. It returns how long to wait when
// that is too soon.
func (c *connection) chargeFrame(size int, now time.Duration) time.Duration {
	limit := c.server.frames
	wait := c.frames.charge(limit, now)
	if wait == 0 {
		c.frames.due += limit.interval * time.Duration(size/frameUnit)
	}
	return wait
}

// limited answers a frame beyond the rate, of which nothing is read but what
// the answer needs.
func (c *connection) refuseOverRate(frame []byte, wait time.Duration, fx *effects) {
	kind, id, seq := protocol.Peek(frame)
	refusal := c.server.rateLimited(id, "too many frames", wait)
	switch kind {
	case protocol.TypeSeen:
		c.handleSeen(seq) // refusing it would only make more work
	case protocol.TypeJoin:
		c.server.counters.joinFailed(refusal.Code)
		c.sendReply(refusal, fx)
	default:
		c.handleRequest(id, nil, refusal, fx)
	}
	c.countExcess(1+len(frame)/frameUnit, fx)
}

// silent counts n frames that have no answer: pings, pongs and fragments. It
// reports whether none was beyond the rate.
func (c *connection) countUnanswered(n int, fx *effects) bool {
	now, excess := fx.now(c.server), 0
	for range n {
		if c.frames.charge(c.server.frames, now) > 0 {
			excess++
		}
	}
	c.countExcess(excess, fx)
	return excess == 0
}

// flood counts n frames beyond the rate, and puts a client out that sends too
// many.
func (c *connection) countExcess(n int, fx *effects) {
	if n == 0 || c.is(stateEnded) {
		return
	}
	c.state.Or(stateMisbehaving | stateFlooded)
	now := fx.now(c.server)
	for range min(n, maxExcessFrames+1) {
		if c.abuseCounts().excess.charge(excessRate(), now) > 0 {
			c.state.Or(stateCutSoon) // what it sends until then costs as much as before
			c.kick(protocol.ClosePolicy, "too many frames beyond the limit", fx)
			return
		}
	}
}

// shouldPause reports whether what was read last was beyond the rate: if there is
// more, the reader leaves it alone for floodPause. Only the reader calls it.
func (c *connection) shouldPause() bool {
	flooded := c.is(stateFlooded) || c.is(stateEnded) && c.is(stateMisbehaving)
	c.set(stateFlooded, false)
	return flooded
}
