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
