package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
	"callbox/signaling/protocol"
)

const (
	byeTimeout       = 500 * time.Millisecond // for bye to arrive
	successorTimeout = 4 * time.Second        // after a page went away, for it to return
)

// appName is what this program calls itself in hello.
const appName = "callbox peer"

// reasonMayReturn is the reason in EventPeerLeft when a page went away without
// hanging up.
const reasonMayReturn = "may return"

// ensureCertificate creates a certificate if none is configured. It lives as long as
// the call, because the safety code belongs to the certificates of both sides.
func (c *Call) ensureCertificate() error {
	if len(c.cfg.Certificates) == 0 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		certificate, err := webrtc.GenerateCertificate(key)
		if err != nil {
			return err
		}
		c.cfg.Certificates = []webrtc.Certificate{*certificate}
	}
	var err error
	c.fingerprint, err = fingerprintOf(&c.cfg.Certificates[0])
	return err
}

// hello is this side's first message on ctl.
func (c *Call) hello() ctl.Hello {
	name := []rune(c.cfg.Name)
	return ctl.Hello{V: ctl.Version, App: appName, Name: string(name[:min(len(name), ctl.MaxText)])}
}

// ctlMessage implements linkObserver.
func (c *Call) ctlMessage(l *link, text []byte) {
	c.dispatch(l, func() { c.handleCtl(text) })
}

// handleCtl handles a message of the other side on ctl.
func (c *Call) handleCtl(text []byte) {
	channel := c.partner.link.ctl
	m, err := ctl.Decode(text)
	switch {
	case err != nil:
		c.cfg.Logger.Debug("ignored a message on ctl", "error", err)
		if channel.greeted && c.exchange != nil {
			c.announceSafety(c.exchange.Reject(err))
		}
		return
	case !channel.greeted:
		if _, ok := m.(ctl.Hello); ok { // anything else before it is ignored
			c.handleHello()
		}
		return
	}
	switch m := m.(type) {
	case ctl.Signal:
		c.handleSignal(m.Data)
	case ctl.Commit, ctl.Nonce, ctl.Reveal:
		c.advanceExchange(m)
	case ctl.Ping:
		now := time.Now()
		if channel.pongs.take(now) == 0 { // who asks more often than once a second gets fewer answers
			channel.send(ctl.Pong{N: m.N, T: m.T, R: uint64(max(0, now.UnixMilli()))})
		}
	case ctl.Pong:
		c.pings.receive(m)
		c.recordAfterPong(m.N)
	case ctl.State:
		c.handleState(m)
	case ctl.Bye:
		c.handleCtlBye(m.Final)
	default:
		c.handleMessages(m)
	}
}

// handleHello begins the conversation on ctl.
func (c *Call) handleHello() {
	channel := c.partner.link.ctl
	channel.greeted = true
	if c.timeline.dcOpen.IsZero() || c.phase == connecting {
		c.timeline.dcOpen = time.Now()
	}
	channel.send(c.state())
	c.startExchange()
	c.announceRecording()
	c.pings.pending = false // what was sent on an earlier connection has no pong
	c.pingIfDue(time.Now())
}

// stateIn returns the state in a message through the server, in which an end says what it
// has switched on while there is no channel ctl; false if the message is another one.
func stateIn(data json.RawMessage) (ctl.State, bool) {
	var m struct {
		State map[string]any `json:"state"`
	}
	if err := json.Unmarshal(data, &m); err != nil || m.State == nil {
		return ctl.State{}, false
	}
	m.State["type"] = "state"
	text, err := json.Marshal(m.State)
	if err != nil {
		return ctl.State{}, false
	}
	decoded, err := ctl.Decode(text)
	state, ok := decoded.(ctl.State)
	return state, ok && err == nil
}

// handleState notes whether the other side records the call.
func (c *Call) handleState(m ctl.State) {
	p := c.partner
	if m.Recording == p.recording {
		return
	}
	p.recording = m.Recording
	kind := EventRecordingOver
	if m.Recording {
		kind, c.data.Recorded = EventRecording, true
	}
	c.observe(Event{Kind: kind, Name: p.name})
}

// handleSignal handles what the signaling server would have carried. It is about the
// connection on which it arrives, because a new one would end that.
func (c *Call) handleSignal(data json.RawMessage) {
	var m protocol.CallData
	if err := json.Unmarshal(data, &m); err != nil {
		c.cfg.Logger.Debug("ignored a message that is not about a call", "error", err)
		return
	}
	p := c.partner
	if m.Description != nil && p.link.restartsICE(m.Description) {
		// Pion gives the path up as soon as ICE restarts, and with it the channel on
		// which the answer would go. Without the answer, the other side keeps the path.
		c.cfg.Logger.Debug("ignored an ICE restart that did not come through the server")
		return
	}
	if m.Call == p.generation && p.takes(m.N) {
		p.viaCtl = true
		c.handleCallData(&m)
	}
}

// handleCtlBye handles the word of the other side that it hung up, or that its page
// goes away.
func (c *Call) handleCtlBye(final bool) {
	switch {
	case final:
		c.handleBye(protocol.ReasonLeft)
	case c.phase == talking:
		c.observe(Event{Kind: EventPeerLeft, Name: c.partner.name, Reason: reasonMayReturn})
		c.enterPhase(closing, successorTimeout)
	}
}

// sendBye tells the other side that this one hangs up.
func (c *Call) sendBye() {
	if p := c.partner; p != nil && p.link != nil && !p.left && p.link.ctl.ready() {
		p.link.ctl.send(ctl.Bye{Final: true})
	}
}

// startExchange begins the exchange for the safety code, or continues it after the
// connection was rebuilt with the same certificates, and does the same for texts and
// files.
func (c *Call) startExchange() {
	other, ok := c.partner.link.otherFingerprint()
	if !ok { // impossible: the channel runs over DTLS
		return
	}
	polite := c.partner.role == Callee
	if e := ctl.Continue(c.exchange, c.cfg.Room, polite, c.fingerprint, other); e != c.exchange {
		c.exchange = e
		c.beginMessages(polite)
	}
	if m := c.exchange.Start(); m != nil {
		c.partner.link.ctl.send(m)
	}
	c.continueMessages()
}

func (c *Call) advanceExchange(m ctl.Message) {
	if c.exchange == nil {
		return
	}
	answer, err := c.exchange.Receive(m)
	if answer != nil {
		c.partner.link.ctl.send(answer)
	}
	c.announceSafety(err)
}

// announceSafety reports the safety code, or why there is none, once for each
// exchange.
func (c *Call) announceSafety(err error) {
	code, ok := c.exchange.Code()
	e := Event{Kind: EventSafetyCode, Name: c.partner.name, Code: code.Digits}
	if err != nil {
		e = Event{Kind: EventSafetyWarning, Name: c.partner.name, Reason: err.Error()}
	}
	if err == nil && !ok || e == c.announced {
		return
	}
	c.announced = e
	if err != nil {
		c.cfg.Logger.Warn("there is no safety code", "reason", err)
		c.failures.add(noSafetyCode(err))
	}
	c.observe(e)
}

// dropStaleExchange forgets the exchange, and with it the code, the texts and the files,
// if the connection was rebuilt with another certificate.
func (c *Call) dropStaleExchange() {
	other, ok := c.partner.link.otherFingerprint()
	if c.exchange != nil && (!ok || !c.exchange.Between(c.fingerprint, other)) {
		c.exchange, c.announced = nil, Event{}
		c.endMessages(ErrPeerChanged)
	}
}

// safetyCode returns the digits of the safety code; nil = unknown.
func (c *Call) safetyCode() *string {
	if c.exchange == nil {
		return nil
	}
	code, ok := c.exchange.Code()
	if !ok {
		return nil
	}
	return &code.Digits
}
