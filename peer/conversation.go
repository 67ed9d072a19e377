package peer

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// heard takes an event of the signaling server; ok is false when there are no more.
func (c *Call) heard(event client.Event, ok bool) {
	if !ok {
		c.signalingLost()
		return
	}
	switch e := event.(type) {
	case client.Interrupted:
		c.away = e.Err
		c.tell(Event{Kind: EventSignalingLost})
	case client.Rejoined:
		c.rejoined(e)
	case protocol.OtherJoined:
		c.otherJoined(e)
	case protocol.Back:
		if c.partner != nil && c.partner.id == e.Peer && !e.Resumed {
			c.returned()
		}
	case protocol.Bye:
		if c.partner != nil && c.partner.id == e.Peer {
			c.saidBye(e.Reason)
		}
	case protocol.MessageEvent:
		if c.partner != nil && c.partner.id == e.From {
			c.message(e.Data)
		}
	default: // notices change nothing: a call that is connected needs no server
		c.cfg.Logger.Debug("notice from the server", "notice", fmt.Sprintf("%T", event))
	}
}

// signalingLost goes on with a call that is connected; without one there will be none.
func (c *Call) signalingLost() {
	c.events = nil
	if c.phase == waiting || c.phase == connecting {
		c.finish(NotConnected, fmt.Sprintf("the connection to the signaling server was lost before the call was connected: %v", c.signal.client.Err()))
		return
	}
	c.tell(Event{Kind: EventSignalingLost})
}

// saidBye is the end of a call when the other side left in order; when only
// its signaling broke, media decides.
func (c *Call) saidBye(reason protocol.Reason) {
	c.tell(Event{Kind: EventPeerLeft, Name: c.partner.name, Reason: string(reason)})
	switch {
	case c.phase == connecting:
		c.parted = c.partner.name + " left before the call was connected: " + c.whyNotConnected()
		c.part()
		c.enterPhase(waiting, c.remainingToConnect())
	case reason == protocol.ReasonLeft || reason == protocol.ReasonReplaced || c.phase == closing:
		if c.partner.state == webrtc.PeerConnectionStateDisconnected { // it fell silent because it left
			c.partner.state = webrtc.PeerConnectionStateClosed
		}
		c.over(c.partner.name + " left")
	default:
		c.partner.gone = true
		c.checkGone()
	}
}

// checkGone ends the call with somebody who is neither in the room nor heard.
func (c *Call) checkGone() {
	if c.partner.gone && c.partner.state == webrtc.PeerConnectionStateDisconnected {
		c.over("")
	}
}

// message takes what the other side says about the call.
func (c *Call) message(data json.RawMessage) {
	var m protocol.CallData
	if err := json.Unmarshal(data, &m); err != nil {
		c.cfg.Logger.Debug("ignored a message that is not about a call", "error", err)
		return
	}
	p := c.partner
	if m.Call < 1 || m.Call < p.number {
		return // about a connection that is no more
	}
	if m.Call > p.number {
		if p.number > 0 {
			c.tell(Event{Kind: EventRebuild, Name: p.name})
		}
		if !c.build(m.Call) {
			return
		}
	}
	switch {
	case m.Candidate != nil:
		p.link.remoteCandidate(m.Candidate)
	case m.Renegotiate && p.role == Caller:
		c.offer()
	case m.Description != nil:
		c.described(m.Description)
	}
}

// described takes an offer or an answer.
func (c *Call) described(d *protocol.Description) {
	p := c.partner
	switch d.Type {
	case webrtc.SDPTypeOffer.String():
		answer, ok, err := p.link.answer(d)
		if err != nil {
			c.failed("answer", err)
			return
		}
		if !ok {
			return
		}
		c.timeline.offer, c.timeline.answer = time.Now(), time.Now()
		if p.askTimer != nil {
			p.askTimer.Stop()
		}
		c.send(protocol.CallData{Call: p.number, Description: &answer})
	case webrtc.SDPTypeAnswer.String():
		ok, err := p.link.answered(d)
		if err != nil {
			c.failed("take the answer", err)
			return
		}
		if ok {
			c.timeline.answer = time.Now()
		}
	}
	if p.link.offerDue && p.role == Caller {
		c.offer()
	}
}

// offer calls. Only the impolite side does: Pion cannot roll back an offer that collides.
func (c *Call) offer() {
	offer, ok, err := c.partner.link.offer()
	switch {
	case err != nil:
		c.failed("offer", err)
	case ok:
		c.timeline.offer = time.Now()
		c.send(protocol.CallData{Call: c.partner.number, Description: &offer})
	}
}

// askForOffer is how the polite side begins when it waits in vain.
func (c *Call) askForOffer() {
	c.send(protocol.CallData{Call: max(1, c.partner.number), Renegotiate: true})
	c.partner.askTimer.Reset(offerPatience)
}

// failed notes what went wrong with a description. The other side may build the
// connection anew, so the call goes on until its deadline.
func (c *Call) failed(doing string, err error) {
	c.trouble = fmt.Errorf("%s: %w", doing, err)
	c.cfg.Logger.Warn("negotiation", "doing", doing, "error", err)
}

// build makes the connection with a number, in place of the one before.
func (c *Call) build(number int) bool {
	p := c.partner
	if p.link != nil {
		p.link.close()
		p.link = nil
	}
	p.number, p.state, p.candidates, p.said = number, webrtc.PeerConnectionStateNew, 0, nil
	l, err := newLink(c.life, &c.cfg, number, c.servers, c)
	if err != nil {
		c.finish(NotConnected, fmt.Sprintf("could not create the connection: %v", err))
		return false
	}
	p.link = l
	if c.phase == closing {
		c.enterPhase(talking, c.remaining())
	}
	return true
}

// remaining is how long the call may go on; negative is without end.
func (c *Call) remaining() time.Duration {
	if c.cfg.Duration < 0 {
		return -1
	}
	return max(0, time.Until(c.timeline.dtlsConnected.Add(c.cfg.Duration)))
}

// send gives a message to the other side's queue at the server.
func (c *Call) send(data protocol.CallData) { c.signal.send(c.partner.id, data) }

// localCandidate implements linkObserver.
func (c *Call) localCandidate(l *link, candidate *webrtc.ICECandidateInit) {
	c.post(l, func() {
		data := protocol.CallData{Call: l.number, EndOfCandidates: candidate == nil}
		if candidate != nil {
			if c.partner.candidates == 0 {
				c.timeline.firstCandidate = time.Now()
			}
			c.partner.candidates++
			data.Candidate = &protocol.Candidate{
				Candidate: candidate.Candidate, SDPMid: candidate.SDPMid,
				SDPMLineIndex: candidate.SDPMLineIndex, UsernameFragment: candidate.UsernameFragment,
			}
		}
		if p := c.partner; len(p.said) < maxPendingCandidates {
			p.said = append(p.said, data)
		}
		c.send(data)
	})
}

// iceState implements linkObserver.
func (c *Call) iceState(l *link, s webrtc.ICEConnectionState, at time.Time) {
	if s != webrtc.ICEConnectionStateConnected {
		return
	}
	c.post(l, func() {
		if c.timeline.iceConnected.IsZero() || c.phase == connecting {
			c.timeline.iceConnected = at
		}
	})
}

// firstFrame implements linkObserver.
func (c *Call) firstFrame(l *link) { c.post(l, c.noteMedia) }

// connectionState implements linkObserver.
func (c *Call) connectionState(l *link, s webrtc.PeerConnectionState, at time.Time) {
	c.post(l, func() {
		before := c.partner.state
		c.partner.state = s
		switch s {
		case webrtc.PeerConnectionStateConnected:
			c.isConnected(before, at)
		case webrtc.PeerConnectionStateDisconnected:
			if c.phase == talking {
				c.tell(Event{Kind: EventDisconnected, Name: c.partner.name})
				c.checkGone()
			}
		case webrtc.PeerConnectionStateFailed:
			if c.phase == talking {
				c.over("")
			}
		case webrtc.PeerConnectionStateClosed:
			c.isClosed()
		default:
		}
	})
}

// isConnected begins to send, the first time of each connection.
func (c *Call) isConnected(before webrtc.PeerConnectionState, at time.Time) {
	if before == webrtc.PeerConnectionStateDisconnected || before == webrtc.PeerConnectionStateFailed {
		c.tell(Event{Kind: EventReconnected, Name: c.partner.name})
		return
	}
	c.partner.link.startMedia()
	c.partner.link.sample()
	if c.phase != connecting {
		return // rebuilt
	}
	c.timeline.dtlsConnected = at
	c.enterPhase(talking, c.remaining())
	close(c.connected)
	path, took := c.partner.link.reportPath(), at.Sub(c.timeline.peerSeen)
	c.tell(Event{Kind: EventConnected, Name: c.partner.name, Path: path, Took: took})
	c.signal.report(&c.cfg, "connected", connectedReport(path, took))
}

// isClosed is called when the other side closed the connection (DTLS close_notify).
// A goodbye, or a new connection, should follow.
func (c *Call) isClosed() {
	if c.phase != talking {
		return
	}
	if c.events == nil || c.partner.gone {
		c.over(c.partner.name + " closed the connection")
		return
	}
	c.enterPhase(closing, closedPatience)
}
