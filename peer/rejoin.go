package peer

import (
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// handleRejoined continues after the signaling server could not be reached.
func (c *Call) handleRejoined(e client.Rejoined) {
	before := c.signal.seat.Peer
	c.away, c.signal.seat.Joined = nil, e.Joined
	c.servers = selectServers(c.cfg.iceServers(e.Joined.ICEServers), c.cfg.ICE, c.cfg.TURNProtocol)
	c.observe(Event{Kind: EventSignalingBack})
	if e.Resumed { // the events that were missed follow
		if c.partner != nil && !c.restartICE() && c.partner.repeatDue {
			c.repeat()
		}
		return
	}
	if c.partner != nil && e.Joined.Peer != before && c.phase == connecting {
		c.dropPartner() // to it, this is another peer, and the roles are assigned anew
		c.enterPhase(waiting, c.remainingToConnect())
	}
	others := e.Joined.Peers
	if c.partner == nil {
		if len(others) > 0 {
			c.connectTo(others[0].Peer, others[0].Name, others[0].Polite)
		}
		return
	}
	for _, other := range others {
		if other.Peer == c.partner.id && e.Joined.Peer == before {
			c.partnerReturned()
			return
		}
	}
	c.partner.absent, c.partner.viaCtl = true, true
}

// handleOtherJoined handles a peer that comes, or comes back.
func (c *Call) handleOtherJoined(e protocol.OtherJoined) {
	switch {
	case c.partner == nil:
		c.connectTo(e.Peer, e.Name, e.Polite)
	case c.partner.id == e.Peer:
		c.partnerReturned()
	case !c.partner.gone && !c.partner.absent:
	case c.phase == connecting:
		c.dropPartner()
		c.connectTo(e.Peer, e.Name, e.Polite)
	default:
		c.endConnected("someone else took the place of " + c.partner.name)
	}
}

// partnerReturned keeps the connection to a partner after messages in either
// direction may have been lost: the pending offer and the candidates are sent again,
// in the same generation. If the connection is interrupted, the caller restarts ICE;
// the callee, which must not offer, waits for that.
func (c *Call) partnerReturned() {
	p := c.partner
	p.gone, p.absent, p.viaCtl = false, false, false
	p.taken = 0 // it may begin anew, and nothing older is under way
	if p.link == nil || c.restartICE() {
		return // the offer arrives, or is asked for
	}
	c.repeat()
}

// repeat sends again what the other side may have missed: an offer without an answer,
// and the candidates. It is called when the way to the other side has changed. The
// other side ignores what arrives late in the old way, because its numbers are lower.
func (c *Call) repeat() {
	p := c.partner
	p.repeatDue = false
	offer, pending := p.link.pendingOffer()
	if pending {
		c.send(protocol.CallData{Call: p.generation, Description: &offer})
	}
	if !pending && p.state == webrtc.PeerConnectionStateConnected {
		return
	}
	for _, data := range p.sentCandidates {
		c.send(data)
	}
}

// repeatOnCtl is called when the server cannot be reached: an offer that waits for it
// goes on the data channel.
func (c *Call) repeatOnCtl() {
	if c.partner != nil && c.useCtl() {
		c.repeat()
	}
}

// restartICE restarts ICE if the connection is interrupted, and reports whether it
// is. Only the caller sends the offer for it.
func (c *Call) restartICE() bool {
	p := c.partner
	if p.link == nil || p.state != webrtc.PeerConnectionStateDisconnected || p.link.pc.SignalingState() != webrtc.SignalingStateStable {
		return false
	}
	if p.role == Caller {
		p.link.restartDue, p.sentCandidates = true, nil
		c.sendOffer()
	}
	return true
}

// remainingToConnect returns how long to wait for another peer to come; negative =
// without limit.
func (c *Call) remainingToConnect() time.Duration {
	if c.cfg.PeerTimeout < 0 {
		return -1
	}
	return max(0, time.Until(c.start.Add(c.cfg.PeerTimeout)))
}

// connected is the report about a call to the server's operator, sent once.
type connected struct {
	SetupMS  int64   `json:"setup_ms"` // from both peers being in the room to connected
	Path     *string `json:"path"`     // direct or relay
	Protocol *string `json:"protocol"` // udp, tcp or tls; for a relayed path, the protocol to the relay
}

func connectedReport(path *Path, took time.Duration) connected {
	r := connected{SetupMS: took.Milliseconds()}
	if path != nil {
		kind, protocol := string(path.Type), path.Local.Protocol
		if path.Local.RelayProtocol != nil {
			protocol = *path.Local.RelayProtocol
		}
		r.Path, r.Protocol = &kind, &protocol
	}
	return r
}
