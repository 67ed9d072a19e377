package peer

// A call is recorded only when the other side knows (docs/call.md): its state says so, and
// the answer to a ping that was sent after the state shows that it has arrived.

// announceRecording notes which pong shows that the other side knows. The state has been
// sent, and the ping has not.
func (c *Call) announceRecording() {
	if c.cfg.Record != nil {
		c.partner.link.recordAfter = c.pings.number + 1
	}
}

// recordAfterPong begins to record if a pong shows that the other side knows.
func (c *Call) recordAfterPong(number uint64) {
	l := c.partner.link
	if c.cfg.Record != nil && l.recordAfter > 0 && number >= l.recordAfter {
		l.record()
	}
}

// recordUnannounced begins to record a call with a program that does not have the data
// channel ctl, to which nothing can be said.
func (c *Call) recordUnannounced() {
	if c.cfg.Record != nil && !c.partner.link.ctl.marked.Load() {
		c.partner.link.record()
	}
}

// record begins to record, with a key frame.
func (l *link) record() {
	if !l.recording.Swap(true) {
		l.requestKeyFrames()
	}
}
