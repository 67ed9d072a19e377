package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

const (
	leaveTimeout  = 2 * time.Second // for the reply to leave
	closedTimeout = 2 * time.Second // after the other side closed the connection, for its leave to arrive
	offerTimeout  = 3 * time.Second // for the offer, before asking for one
	sampleEvery   = time.Second
)

// maxCallbacks is how many callbacks of a connection may wait.
const maxCallbacks = 64

// Call is a seat in a room and the call that is made from it. Only the goroutine
// of loop may use the fields below the line.
type Call struct {
	cfg     Config
	start   time.Time
	signal  *signal
	servers []webrtc.ICEServer
	// fingerprint is that of the certificate.
	fingerprint ctl.Fingerprint

	ctx       context.Context //nolint:containedctx // Join's: when it ends, so does the call
	cancel    context.CancelCauseFunc
	linkCtx   context.Context //nolint:containedctx // outlives ctx, so that the call can end gracefully
	callbacks chan func()
	connected chan struct{}
	done      chan struct{}
	wait      sync.WaitGroup
	outbox    outbox
	final     *Report // set before done is closed

	// ----
	events         <-chan client.Event // nil after the server was lost for good
	away           error               // why the server cannot be reached now; nil = it can
	phase          phase
	partner        *partner
	deadline       *time.Timer
	timeline       timeline
	outcome        *outcome
	leftReason     string        // why the last partner that left was not connected
	negotiationErr error         // the last error of a negotiation
	exchange       *ctl.Exchange // for the safety code, with the certificate of the current connection; nil = none yet
	announced      Event         // what was reported about it
	messages       *messages     // between the same certificates; nil = none yet
	takenBytes     uint64        // sizes of all files that were taken
	data           Data
}

// phase says what deadline is for.
type phase int

const (
	waiting    phase = iota // for another peer to come
	connecting              // to partner
	talking                 // until Duration is over
	closing                 // the other side closed the connection; its leave may still arrive
)

// partner is the other peer of the call.
type partner struct {
	id, name   string
	role       Role // of this peer, not of the partner
	generation int  // of the connection, "call" in the protocol; 0 before the first
	link       *link
	askTimer   *time.Timer // to ask for an offer; nil for the caller

	candidates     int                 // local candidates that were sent
	sentCandidates []protocol.CallData // the same, to send them again if the partner missed them
	state          webrtc.PeerConnectionState
	gone           bool // it lost its seat without leaving; it may come back
	absent         bool // the server has forgotten both peers, and this one rejoined first
	sawFrame       bool
	left           bool   // it hung up
	recording      bool   // it says that it records
	sent, taken    uint64 // numbers of the newest message to it, and from it
	viaCtl         bool   // it cannot be reached through the server, but on the data channel
	repeatDue      bool   // something was sent on the data channel while the server was away
}

// outcome is how a call ended.
type outcome struct {
	code   ExitCode
	reason string
	at     time.Time
}

// Errors that the error of Join may wrap, besides those of callbox/signaling/client.
var (
	// ErrConfig marks an invalid configuration.
	ErrConfig = errors.New("invalid configuration")
	// errHangup is the cause of a call's end by Hangup.
	errHangup = errors.New("hung up")
)

// Join joins the room and returns. The call is then made in the background, with
// the peer that is in the room or the next one that comes. It ends after Duration,
// when the other side leaves, with Hangup, or when ctx ends. The caller must call
// Wait.
//
// The error wraps ErrConfig, or it is an error of the signaling client: then the
// room could not be joined within ConnectTimeout.
func Join(ctx context.Context, cfg Config) (*Call, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c := &Call{
		cfg: cfg.withDefaults(), start: time.Now(),
		callbacks: make(chan func(), maxCallbacks), connected: make(chan struct{}), done: make(chan struct{}),
		outbox: outbox{wake: make(chan struct{}, 1)},
	}
	c.linkCtx = context.WithoutCancel(ctx)
	ctx, c.cancel = context.WithCancelCause(ctx)
	c.ctx = ctx
	err := c.ensureCertificate()
	if err != nil {
		c.cancel(err)
		return nil, fmt.Errorf("%w: the certificate: %w", ErrConfig, err)
	}
	if c.signal, err = joinRoom(ctx, &c.cfg, &c.timeline); err != nil {
		c.cancel(err)
		return nil, err
	}
	c.events = c.signal.events
	c.servers = selectServers(c.signal.joined.ICEServers, c.cfg.ICE, c.cfg.TURNProtocol)
	c.wait.Go(c.loop)
	return c, nil
}

// Connected returns a channel that is closed when the call is connected for the
// first time.
func (c *Call) Connected() <-chan struct{} { return c.connected }

// Done returns a channel that is closed when the call and its goroutines have ended.
func (c *Call) Done() <-chan struct{} { return c.done }

// Hangup ends the call gracefully, as if its Duration were over. It does not wait;
// call Wait for the report.
func (c *Call) Hangup() { c.cancel(errHangup) }

// Wait waits until the call has ended and returns its report.
func (c *Call) Wait() *Report {
	c.wait.Wait()
	return c.final
}

// Run makes a call and returns its report, even if the room could not be joined.
// The error is nil, or wraps ErrConfig.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	start := time.Now()
	c, err := Join(ctx, cfg)
	switch {
	case errors.Is(err, ErrConfig):
		return nil, err
	case err != nil:
		return notJoinedReport(ctx, cfg.withDefaults(), start, err), nil
	default:
		return c.Wait(), nil
	}
}

// loop is the goroutine of the call. It handles all events, one after the other.
func (c *Call) loop() {
	defer close(c.done)
	defer c.cancel(errHangup)
	c.deadline = time.NewTimer(c.cfg.ConnectTimeout)
	defer c.deadline.Stop()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()

	c.begin()
	for c.outcome == nil {
		var ask <-chan time.Time
		if c.partner != nil && c.partner.askTimer != nil {
			ask = c.partner.askTimer.C
		}
		select {
		case <-c.ctx.Done():
			c.handleCancel()
		case event, ok := <-c.events:
			c.handleEvent(event, ok)
		case callback := <-c.callbacks:
			callback()
		case <-c.outbox.wake:
			c.emptyOutbox()
		case <-ask:
			c.askForOffer()
		case <-c.deadline.C:
			c.handleDeadline()
		case <-ticker.C:
			c.tick()
		}
	}
	c.finalize()
}

// begin connects to the peer that is in the room already, if there is one.
func (c *Call) begin() {
	others := c.signal.joined.Peers
	c.observe(Event{Kind: EventJoined, Others: len(others)})
	if c.cfg.ICE == Relay && len(turnURLs(c.servers, "")) == 0 {
		c.setOutcome(NotConnected, noTURNReason(c.cfg.TURNProtocol))
		return
	}
	if len(others) > 0 {
		c.connectTo(others[0].Peer, others[0].Name, others[0].Polite)
	}
}

// connectTo makes another peer the partner. If polite is true, the partner calls and
// this peer answers.
func (c *Call) connectTo(id, name string, polite bool) {
	name = shownName(name)
	c.partner = &partner{id: id, name: name, role: Caller}
	if polite {
		c.partner.role = Callee
		c.partner.askTimer = time.NewTimer(offerTimeout)
	}
	c.enterPhase(connecting, c.cfg.ConnectTimeout)
	c.timeline.peerSeen = time.Now()
	c.observe(Event{Kind: EventPeerSeen, Name: name, Role: c.partner.role})
	if c.partner.role == Caller && c.openLink(1) {
		c.sendOffer()
	}
}

// dropPartner closes the connection to the partner; another peer may come.
func (c *Call) dropPartner() {
	if c.partner.askTimer != nil {
		c.partner.askTimer.Stop()
	}
	if c.partner.link != nil {
		c.partner.link.close()
	}
	c.partner = nil
	c.timeline.forgetConnection()
}

func (c *Call) enterPhase(p phase, limit time.Duration) {
	c.phase = p
	c.deadline.Stop()
	if limit >= 0 {
		c.deadline.Reset(limit)
	}
}

// handleDeadline is called at the deadline of the phase.
func (c *Call) handleDeadline() {
	switch c.phase {
	case waiting:
		c.setOutcome(NotConnected, c.noPeerReason())
	case connecting:
		c.setOutcome(NotConnected, fmt.Sprintf("no connection with %s within %v: %s",
			c.partner.name, c.cfg.ConnectTimeout, c.notConnectedReason()))
	case talking:
		c.endConnected("the call lasted its full duration")
	case closing:
		c.endConnected(c.partner.name + " closed the connection")
	}
}

// endConnected ends a call that was connected, and decides between the exit codes Good,
// NoMedia and Lost. reason is reported only if the call ends well.
func (c *Call) endConnected(reason string) {
	state := c.partner.state
	switch {
	case state != webrtc.PeerConnectionStateConnected && state != webrtc.PeerConnectionStateClosed:
		c.setOutcome(Lost, "the connection was lost during the call: nothing more was received from "+c.partner.name)
	case c.partner.link.progress().firstRTP.IsZero():
		c.setOutcome(NoMedia, "connected with "+c.partner.name+", but neither video nor audio was received")
	default:
		c.setOutcome(Good, reason)
	}
}

// handleCancel ends the call because its context ended, or because of Hangup.
func (c *Call) handleCancel() {
	hungUp := errors.Is(context.Cause(c.ctx), errHangup)
	switch {
	case hungUp && (c.phase == talking || c.phase == closing):
		c.endConnected("hung up")
	case hungUp:
		c.setOutcome(NotConnected, "hung up before the call was connected")
	default:
		c.setOutcome(Interrupted, "stopped before the call was over")
	}
}

func (c *Call) setOutcome(code ExitCode, reason string) {
	if c.outcome == nil {
		c.outcome = &outcome{code: code, reason: reason, at: time.Now()}
	}
}

// tick samples the connection, if there is one.
func (c *Call) tick() {
	if c.phase == talking && c.partner.state == webrtc.PeerConnectionStateConnected {
		c.partner.link.sample()
	}
	c.noteMedia()
}

// noteMedia records when the first packet and the first frame arrived.
func (c *Call) noteMedia() {
	if c.partner == nil || c.partner.link == nil {
		return
	}
	p := c.partner.link.progress()
	c.timeline.firstRTP, c.timeline.firstFrame = p.firstRTP, p.firstFrame
	if !p.firstFrame.IsZero() && !c.partner.sawFrame {
		c.partner.sawFrame = true
		c.observe(Event{Kind: EventFirstFrame, At: p.firstFrame.Sub(c.start), Name: c.partner.name})
	}
}

func (c *Call) observe(e Event) {
	if e.At == 0 {
		e.At = time.Since(c.start)
	}
	c.cfg.Observe(e)
}

// dispatch runs f in loop, unless l has been closed or replaced by then.
func (c *Call) dispatch(l *link, f func()) {
	select {
	case c.callbacks <- func() {
		if c.partner != nil && c.partner.link == l {
			f()
		}
	}:
	case <-l.ctx.Done():
	}
}

// finalize makes the report, leaves the room and closes everything.
func (c *Call) finalize() {
	c.noteMedia()
	if c.phase == talking && c.partner.state == webrtc.PeerConnectionStateConnected {
		c.partner.link.sample()
	}
	report := c.report()
	c.outbox.close()
	c.endMessages(ErrCallEnded)
	c.sendBye()
	c.signal.leave()
	if c.partner != nil {
		if c.partner.askTimer != nil {
			c.partner.askTimer.Stop()
		}
		if c.partner.link != nil {
			c.partner.link.ctl.flush(byeTimeout)
			c.partner.link.close()
		}
	}
	c.cancel(errHangup)
	c.signal.close()
	c.final = report
}
