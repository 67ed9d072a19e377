package peer

import "github.com/pion/webrtc/v4"

// Offer makes the caller negotiate anew.
func (c *Call) Offer() { c.callbacks <- c.sendOffer }

// Negotiated returns the descriptions in use, and whether the connection works and no
// negotiation is pending.
func (c *Call) Negotiated() (local, remote string, settled bool) {
	done := make(chan struct{})
	c.callbacks <- func() {
		defer close(done)
		pc := c.partner.link.pc
		local, remote = pc.CurrentLocalDescription().SDP, pc.CurrentRemoteDescription().SDP
		settled = pc.SignalingState() == webrtc.SignalingStateStable && pc.ICEConnectionState() == webrtc.ICEConnectionStateConnected
	}
	<-done
	return local, remote, settled
}

// Rebuild makes the caller start a new connection, as a page does.
func (c *Call) Rebuild() {
	c.callbacks <- func() {
		if c.openLink(c.partner.generation + 1) {
			c.sendOffer()
		}
	}
}

// Next returns a channel that is closed at the next event.
func (c *Call) Next() <-chan struct{} {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if c.log.changed == nil {
		c.log.changed = make(chan struct{})
	}
	return c.log.changed
}

// Frames returns how many video frames have been received.
func (c *Call) Frames() int {
	c.frames.mu.Lock()
	defer c.frames.mu.Unlock()
	return c.frames.count
}
