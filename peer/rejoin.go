package peer

import (
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// rejoined goes on after the signaling server was out of reach.
func (c *Call) rejoined(e client.Rejoined) {
	before := c.signal.joined.Peer
	c.away, c.signal.joined = nil, e.Joined
	c.servers = selectServers(e.Joined.ICEServers, c.cfg.ICE, c.cfg.TURNProtocol)
	c.tell(Event{Kind: EventSignalingBack})
	if e.Resumed { // what was missed follows
		if c.partner != nil {
			c.revive()
		}
		return
	}
	if c.partner != nil && e.Joined.Peer != before && c.phase == connecting {
		c.part() // it knows this peer no more, and the roles are new
		c.enterPhase(waiting, c.remainingToConnect())
	}
	others := e.Joined.Peers
	if c.partner == nil {
		if len(others) > 0 {
			c.meet(others[0].Peer, others[0].Name, others[0].Polite)
		}
		return
	}
	for _, other := range others {
		if other.Peer == c.partner.id && e.Joined.Peer == before {
			c.returned()
			return
		}
	}
	c.partner.absent = true
}

// otherJoined meets who comes, or who comes back.
func (c *Call) otherJoined(e protocol.OtherJoined) {
	switch {
	case c.partner == nil:
		c.meet(e.Peer, e.Name, e.Polite)
	case c.partner.id == e.Peer:
		c.returned()
	case !c.partner.gone && !c.partner.absent:
	case c.phase == connecting:
		c.part()
		c.meet(e.Peer, e.Name, e.Polite)
	default:
		c.over("someone else took the place of " + c.partner.name)
	}
}

// returned keeps the connection with a partner that has missed what was said
// last, or whose words were missed: what is pending is said again, under the same
// number. Who was there first restarts ICE where there is no connection any more;
// the other one, which must not offer, waits for that.
func (c *Call) returned() {
	p := c.partner
	p.gone, p.absent = false, false
	if p.link == nil || c.revive() {
		return // the offer comes, or is asked for
	}
	if offer, ok := p.link.pendingOffer(); ok {
		c.send(protocol.CallData{Call: p.number, Description: &offer})
	}
	if p.state == webrtc.PeerConnectionStateConnected {
		return
	}
	for _, data := range p.said {
		c.send(data)
	}
}

// revive restarts ICE when a connection that was there is not any more.
func (c *Call) revive() bool {
	p := c.partner
	if p.link == nil || p.state != webrtc.PeerConnectionStateDisconnected || p.link.pc.SignalingState() != webrtc.SignalingStateStable {
		return false
	}
	if p.role == Caller {
		p.link.restartDue, p.said = true, nil
		c.offer()
	}
	return true
}

// remainingToConnect is how long to wait for somebody to come.
func (c *Call) remainingToConnect() time.Duration {
	return max(0, time.Until(c.start.Add(c.cfg.ConnectTimeout)))
}

// connected is what the server's operator is told of a call, once.
type connected struct {
	SetupMS  int64   `json:"setup_ms"` // from both being there to connected
	Path     *string `json:"path"`     // direct or relay
	Protocol *string `json:"protocol"` // udp, tcp or tls; of a relayed path the one spoken with the relay
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
