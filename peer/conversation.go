package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// handleEvent handles an event of the signaling server; ok is false when there are
// no more.
func (c *Call) handleEvent(event client.Event, ok bool) {
	if !ok {
		c.signalingLost()
		return
	}
	switch e := event.(type) {
	case client.Interrupted:
		c.away = e.Err
		c.observe(Event{Kind: EventSignalingLost})
		c.repeatOnCtl()
	case client.Rejoined:
		c.handleRejoined(e)
	case protocol.OtherJoined:
		c.handleOtherJoined(e)
	case protocol.Away:
		if c.partner != nil && c.partner.id == e.Peer {
			c.partner.viaCtl = true
		}
	case protocol.Back:
		c.handleBack(e)
	case protocol.Bye:
		if c.partner != nil && c.partner.id == e.Peer {
			c.handleBye(e.Reason)
		}
	case protocol.MessageEvent:
		if c.partner != nil && c.partner.id == e.From {
			c.handleMessage(e.Data)
		}
	default: // notices change nothing: a call that is connected needs no server
		c.cfg.Logger.Debug("notice from the server", "notice", fmt.Sprintf("%T", event))
	}
}

// signalingLost continues a call that is connected, and ends one that is not.
func (c *Call) signalingLost() {
	c.events = nil
	if c.phase == waiting || c.phase == connecting {
		c.endUnsignaled(c.signal.err)
		return
	}
	c.failures.add(unreachable(c.signal.err))
	c.observe(Event{Kind: EventSignalingLost})
	c.repeatOnCtl()
}

// endUnsignaled ends a call that was never connected because signaling ended.
func (c *Call) endUnsignaled(err error) {
	if errors.Is(err, ErrRefused) {
		c.fail(NotJoined, Failure{StageJoin, "refused", err.Error()})
		return
	}
	f := unreachable(err)
	f.Hint = "before the call was connected, " + f.Hint
	c.fail(NotConnected, f)
}

// handleBack handles the word of the server that a peer can be reached again.
func (c *Call) handleBack(e protocol.Back) {
	if c.partner == nil || c.partner.id != e.Peer {
		return
	}
	c.partner.viaCtl = false
	switch {
	case !e.Resumed:
		c.partnerReturned()
	case c.partner.repeatDue && c.partner.link != nil:
		c.repeat()
	}
}

// handleBye ends the call if the other side left. If only its signaling broke, the
// call goes on for as long as media arrives.
func (c *Call) handleBye(reason protocol.Reason) {
	c.observe(Event{Kind: EventPeerLeft, Name: c.partner.name, Reason: string(reason)})
	c.partner.left = reason == protocol.ReasonLeft
	switch {
	case c.phase == connecting:
		f := c.notConnected()
		f.Hint = c.partner.name + " left before the call was connected: " + f.Hint
		c.leftEarly = &f
		c.dropPartner()
		c.enterPhase(waiting, c.remainingToConnect())
	case reason == protocol.ReasonLeft || reason == protocol.ReasonReplaced || c.phase == closing:
		if c.partner.state == webrtc.PeerConnectionStateDisconnected { // because it left
			c.partner.state = webrtc.PeerConnectionStateClosed
		}
		c.endConnected(c.partner.name + " left")
	default:
		c.partner.gone, c.partner.viaCtl = true, true
		c.endIfGone()
	}
}

// endIfGone ends the call if the partner is no longer in the room and nothing
// arrives from it.
func (c *Call) endIfGone() {
	if c.partner.gone && c.partner.state == webrtc.PeerConnectionStateDisconnected {
		c.endConnected("")
	}
}

// handleMessage handles a message of the other side about the call, which the server
// delivered.
func (c *Call) handleMessage(data json.RawMessage) {
	if state, ok := stateIn(data); ok {
		if c.partner.link == nil || !c.partner.link.ctl.ready() { // otherwise ctl says it, in order
			c.handleState(state)
		}
		return
	}
	var m protocol.CallData
	if err := json.Unmarshal(data, &m); err != nil {
		c.cfg.Logger.Debug("ignored a message that is not about a call", "error", err)
		return
	}
	p := c.partner
	if m.Call < 1 || m.Call < p.generation {
		return // about an earlier connection
	}
	if m.Call > p.generation {
		if p.generation > 0 {
			c.observe(Event{Kind: EventRebuild, Name: p.name})
		}
		if !c.openLink(m.Call) {
			return
		}
	}
	p.viaCtl = false
	if !p.takes(m.N) {
		return
	}
	if m.Ctl && m.Description != nil && !c.signal.seat.MediaOnly {
		p.link.ctl.mark(c.hello())
	}
	c.handleCallData(&m)
}

// takes reports whether a message about the current connection is to be handled: it
// may come through the server and on the data channel, and late in one of the two.
func (p *partner) takes(number uint64) bool {
	if number > 0 && number <= p.taken {
		return false
	}
	p.taken = max(p.taken, number)
	return true
}

// handleCallData handles a message about the current connection.
func (c *Call) handleCallData(m *protocol.CallData) {
	p := c.partner
	switch {
	case m.Candidate != nil:
		p.link.addRemoteCandidate(m.Candidate)
	case m.Renegotiate && p.role == Caller:
		c.sendOffer()
	case m.Description != nil:
		c.handleDescription(m.Description)
	}
}

// handleDescription handles an offer or an answer.
func (c *Call) handleDescription(d *protocol.Description) {
	p := c.partner
	switch d.Type {
	case webrtc.SDPTypeOffer.String():
		answer, ok, err := p.link.answer(d)
		if err != nil {
			c.negotiationFailed("answer", err)
			return
		}
		if !ok {
			return
		}
		c.timeline.offer, c.timeline.answer = time.Now(), time.Now()
		if p.askTimer != nil {
			p.askTimer.Stop()
		}
		c.send(protocol.CallData{Call: p.generation, Description: &answer})
	case webrtc.SDPTypeAnswer.String():
		ok, err := p.link.setAnswer(d)
		if err != nil {
			c.negotiationFailed("take the answer", err)
			return
		}
		if ok {
			c.timeline.answer = time.Now()
		}
	}
	if p.link.offerDue && p.role == Caller {
		c.sendOffer()
	}
}

// sendOffer sends an offer. Only the impolite side does so, because Pion cannot
// roll back an offer that collides.
func (c *Call) sendOffer() {
	offer, ok, err := c.partner.link.offer()
	switch {
	case err != nil:
		c.negotiationFailed("offer", err)
	case ok:
		c.timeline.offer = time.Now()
		c.send(protocol.CallData{Call: c.partner.generation, Description: &offer})
	}
}

// askForOffer asks the impolite side for an offer, after waiting for one in vain.
func (c *Call) askForOffer() {
	c.send(protocol.CallData{Call: max(1, c.partner.generation), Renegotiate: true})
	c.partner.askTimer.Reset(offerTimeout)
}

// negotiationFailed records an error of a description. The other side may start a
// new connection, so the call goes on until its deadline.
func (c *Call) negotiationFailed(doing string, err error) {
	c.negotiationErr = fmt.Errorf("%s: %w", doing, err)
	c.failures.add(negotiation(c.negotiationErr))
	c.cfg.Logger.Warn("negotiation", "doing", doing, "error", err)
}

// openLink creates the connection of a generation, in place of the one before. It
// ends the call and returns false if it cannot.
func (c *Call) openLink(generation int) bool {
	p := c.partner
	if p.link != nil {
		p.link.close()
		p.link = nil
	}
	p.generation, p.state, p.candidates, p.sentCandidates = generation, webrtc.PeerConnectionStateNew, 0, nil
	p.taken = 0
	l, err := newLink(c.linkCtx, &c.cfg, &c.signal.seat, generation, c.servers, c)
	if err != nil {
		c.fail(NotConnected, Failure{StageNegotiation, "no_connection", fmt.Sprintf("could not create the connection: %v", err)})
		return false
	}
	p.link = l
	if c.phase == closing {
		c.enterPhase(talking, c.remaining())
	}
	return true
}

// remaining returns how long the call may go on; negative = without limit.
func (c *Call) remaining() time.Duration {
	if c.cfg.Duration < 0 {
		return -1
	}
	return max(0, time.Until(c.timeline.dtlsConnected.Add(c.cfg.Duration)))
}

// send sends a message about the current connection to the partner: through the
// server, or on the data channel if one side cannot reach the server.
func (c *Call) send(data protocol.CallData) {
	c.partner.sent++
	data.N = c.partner.sent
	if c.useCtl() && c.sendOnCtl(data) {
		c.partner.repeatDue = true
		return
	}
	data.Ctl = data.Description != nil && !c.signal.seat.MediaOnly
	c.signal.send(c.partner.id, data)
}

// serverAway reports whether this side cannot reach the server.
func (c *Call) serverAway() bool { return c.away != nil || c.events == nil }

// useCtl reports whether messages should go on the data channel. If the other side
// cannot reach the server, that helps only while the connection works; if this side
// cannot, there is no other way.
func (c *Call) useCtl() bool {
	p := c.partner
	if p.link == nil || !p.link.ctl.ready() {
		return false
	}
	return c.serverAway() || p.viaCtl && p.state == webrtc.PeerConnectionStateConnected
}

func (c *Call) sendOnCtl(data protocol.CallData) bool {
	text, err := json.Marshal(data)
	return err == nil && c.partner.link.ctl.send(ctl.Signal{Data: text})
}

// localCandidate implements linkObserver.
func (c *Call) localCandidate(l *link, candidate *webrtc.ICECandidateInit) {
	c.dispatch(l, func() {
		data := protocol.CallData{Call: l.generation, EndOfCandidates: candidate == nil}
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
		if p := c.partner; len(p.sentCandidates) < maxPendingCandidates {
			p.sentCandidates = append(p.sentCandidates, data)
		}
		c.send(data)
	})
}

// iceState implements linkObserver.
func (c *Call) iceState(l *link, s webrtc.ICEConnectionState, at time.Time) {
	if s != webrtc.ICEConnectionStateConnected {
		return
	}
	c.dispatch(l, func() {
		if c.timeline.iceConnected.IsZero() || c.phase == connecting {
			c.timeline.iceConnected = at
		}
		c.endRestart()
	})
}

// firstFrame implements linkObserver.
func (c *Call) firstFrame(l *link) { c.dispatch(l, c.noteMedia) }

// connectionState implements linkObserver. Pion reports each state from a goroutine of its
// own, so the states may come in another order than they were: only the current one counts.
func (c *Call) connectionState(l *link, at time.Time) {
	c.dispatch(l, func() {
		s := l.pc.ConnectionState()
		if s == c.partner.state {
			return
		}
		c.partner.state = s
		switch s {
		case webrtc.PeerConnectionStateConnected:
			c.handleConnected(at)
		case webrtc.PeerConnectionStateDisconnected:
			if c.phase == talking {
				c.partner.interrupted = true
				c.observe(Event{Kind: EventDisconnected, Name: c.partner.name})
				c.endIfGone()
			}
		case webrtc.PeerConnectionStateFailed:
			if c.phase == talking {
				c.endConnected("")
			}
		case webrtc.PeerConnectionStateClosed:
			c.handleClosed()
		default:
		}
	})
}

// handleConnected starts to send media, the first time that a connection is connected.
func (c *Call) handleConnected(at time.Time) {
	if c.partner.interrupted {
		c.partner.interrupted = false
		c.observe(Event{Kind: EventReconnected, Name: c.partner.name})
	}
	if c.partner.link.started { // ICE was interrupted or restarted
		return
	}
	c.dropStaleExchange()
	c.recordUnannounced()
	c.partner.link.startMedia()
	c.partner.link.sample()
	if c.phase != connecting {
		return // rebuilt
	}
	c.timeline.dtlsConnected = at
	c.enterPhase(talking, c.remaining())
	close(c.connected)
	path, took := c.partner.link.reportPath(c.start), at.Sub(c.timeline.peerSeen)
	c.observe(Event{Kind: EventConnected, Name: c.partner.name, Path: path, Took: took})
	c.signal.report(&c.cfg, "connected", connectedReport(path, took))
}

// handleClosed is called when the other side closed the connection (DTLS
// close_notify). Its leave, or a new connection, should follow.
func (c *Call) handleClosed() {
	if c.phase != talking {
		return
	}
	if c.events == nil || c.partner.gone {
		c.endConnected(c.partner.name + " closed the connection")
		return
	}
	c.enterPhase(closing, closedTimeout)
}
