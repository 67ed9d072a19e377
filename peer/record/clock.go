package record

import "time"

// maxDrift is how far the time of RTP may be from that of arrival. Beyond that, the sender
// has begun a new stream, or its clock is wrong.
const maxDrift = 2 * time.Second

// clock turns the RTP timestamps of a track into times since the beginning of the recording.
type clock struct {
	rate      uint32 // of the timestamps, in Hz
	started   bool
	timestamp uint32        // of the newest frame
	ticks     int64         // from the reference to the newest frame
	reference time.Duration // when ticks was 0
}

// at returns the time of a frame that arrived at a time since the beginning. The first frame
// has the time of its arrival.
func (c *clock) at(timestamp uint32, arrival time.Duration) time.Duration {
	if !c.started {
		c.started = true
		c.restart(timestamp, arrival)
		return arrival
	}
	step := int64(int32(timestamp - c.timestamp)) //nolint:gosec // timestamps wrap, RFC 3550 section 5.1
	ticks := c.ticks + step
	at := c.reference + time.Duration(float64(ticks)/float64(c.rate)*float64(time.Second))
	if drift := at - arrival; drift > maxDrift || drift < -maxDrift {
		c.restart(timestamp, arrival)
		return arrival
	}
	if step > 0 {
		c.timestamp, c.ticks = timestamp, ticks
	}
	return at
}

func (c *clock) restart(timestamp uint32, arrival time.Duration) {
	c.timestamp, c.ticks, c.reference = timestamp, 0, arrival
}
