package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

const (
	// maxExcessFrames is how many frames beyond the rate a client may send at
	// once, and then per minute; a large one counts by its size.
	maxExcessFrames = 1000
	// frameUnit is how many bytes of a frame count as one frame, because a large
	// one costs more.
	frameUnit = 8 << 10
	// floodPause is how long the server does not read from a client that sends
	// beyond the rate faster than it is read. TCP makes the client wait, which
	// costs less than refusals.
	floodPause = 100 * time.Millisecond
)

// abuseCounts counts what only few clients do.
type abuseCounts struct {
	badFrames badFrames
	excess    bucket // frames beyond the rate
	reports   bucket
}

func (c *connection) abuseCounts() *abuseCounts {
	if c.abuse == nil {
		c.abuse = new(abuseCounts)
	}
	return c.abuse
}

// excessRate bounds the frames that a client may send beyond the ordinary rate:
// maxExcessFrames at once, and as many again in each minute.
func excessRate() rate {
	const interval = time.Minute / maxExcessFrames
	return rate{interval: interval, slack: interval * (maxExcessFrames - 1)}
}

// chargeFrame counts a frame of size bytes. When it comes too soon, chargeFrame
// returns how long the client must wait.
func (c *connection) chargeFrame(size int, now time.Duration) time.Duration {
	limit := c.server.frames
	wait := c.frames.charge(limit, now)
	if wait == 0 {
		c.frames.due += limit.interval * time.Duration(size/frameUnit)
	}
	return wait
}

// refuseOverRate replies to a frame beyond the rate. It reads only what the
// reply needs.
func (c *connection) refuseOverRate(frame []byte, wait time.Duration, fx *effects) {
	kind, id, seq := protocol.Peek(frame)
	refusal := c.server.rateLimitedError(id, "too many frames", wait)
	switch kind {
	case protocol.TypeSeen:
		c.handleSeen(seq) // a refusal would only cost more
	case protocol.TypeJoin:
		c.server.counters.joinFailed(refusal.Code)
		c.sendReply(refusal, fx)
	default:
		c.handleRequest(id, nil, refusal, fx)
	}
	c.countExcess(1+len(frame)/frameUnit, fx)
}

// countUnanswered counts n frames that get no reply: pings, pongs and fragments.
// It reports whether all of them were within the rate.
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

// countExcess counts n frames beyond the rate, and kicks a client that sends too
// many of them.
func (c *connection) countExcess(n int, fx *effects) {
	if n == 0 || c.is(stateEnded) {
		return
	}
	c.state.Or(stateMisbehaving | stateFlooded)
	now := fx.now(c.server)
	for range min(n, maxExcessFrames+1) {
		if c.abuseCounts().excess.charge(excessRate(), now) > 0 {
			c.closeForAbuse(protocol.ClosePolicy, "too many frames beyond the limit", fx)
			return
		}
	}
}

// shouldPause reports whether some of what was read last was beyond the rate.
// The reader then leaves further data alone for floodPause. Only the reader
// calls it.
func (c *connection) shouldPause() bool {
	flooded := c.is(stateFlooded) || c.is(stateEnded) && c.is(stateMisbehaving)
	c.set(stateFlooded, false)
	return flooded
}
