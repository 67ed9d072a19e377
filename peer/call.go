package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/ctl"
	"callbox/peer/impair"
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
	before  *usage // nil = not measured
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
	log       eventLog
	frames    *frameCount
	// audio and video are the sources; nil = nothing of that kind is sent.
	audio, video *switchedSource
	final        *Report     // set before done is closed
	impaired     *impair.Net // Config.Impair; nil = nothing is impaired

	// ----
	events         <-chan client.Event // nil after the server was lost for good
	away           error               // why the server cannot be reached now; nil = it can
	phase          phase
	partner        *partner
	deadline       *time.Timer
	timeline       timeline
	outcome        *outcome
	leftEarly      *Failure // why the last partner that left was not connected
	negotiationErr error    // the last error of a negotiation
	failures       failures // those that ended the call, and those that did not
	trace          trace
	exchange       *ctl.Exchange // for the safety code, with the certificate of the current connection; nil = none yet
	announced      Event         // what was reported about it
	messages       *messages     // between the same certificates; nil = none yet
	takenBytes     uint64        // sizes of all files that were taken
	data           Data
	pings          pings
	restarted      chan struct{} // closed when ICE, which Restart restarts, is connected; nil = it does not restart
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
	interrupted    bool   // EventDisconnected was reported
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
	if cfg.MeasureProcess {
		c.before = measureUsage()
	}
	c.wrapMedia()
	c.linkCtx = context.WithoutCancel(ctx)
	ctx, c.cancel = context.WithCancelCause(ctx)
	c.ctx = ctx
	err := c.ensureCertificate()
	if err != nil {
		c.cancel(err)
		return nil, fmt.Errorf("%w: the certificate: %w", ErrConfig, err)
	}
	if err := c.openImpairment(); err != nil {
		c.cancel(err)
		return nil, err
	}
	if c.signal, err = joinRoom(ctx, &c.cfg, &c.timeline); err != nil {
		c.closeImpairment()
		c.cancel(err)
		return nil, err
	}
	c.events = c.signal.events
	c.servers = selectServers(c.cfg.iceServers(c.signal.seat.ICEServers), c.cfg.ICE, c.cfg.TURNProtocol)
	c.wait.Go(c.loop)
	return c, nil
}

// wrapMedia puts between the program's sources and sink and the connections what controls
// and counts.
func (c *Call) wrapMedia() {
	c.frames = &frameCount{sink: c.cfg.Sink}
	c.cfg.Sink = c.frames
	if c.cfg.Echo {
		c.cfg.echo = newEcho()
		c.cfg.Video, c.cfg.Audio = c.cfg.echo.video, c.cfg.echo.audio
	}
	if c.audio = newSwitchedSource(c.cfg.Audio); c.audio != nil {
		c.cfg.Audio = c.audio
	}
	if c.video = newSwitchedSource(c.cfg.Video); c.video != nil {
		c.cfg.Video = c.video
	}
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
	c, report, err := TryJoin(ctx, cfg)
	if c == nil {
		return report, err
	}
	return c.Wait(), nil
}

// TryJoin is like Join, but if the room cannot be joined, it returns the report that says
// why, in place of a call. The error is nil, or wraps ErrConfig.
func TryJoin(ctx context.Context, cfg Config) (*Call, *Report, error) {
	start := time.Now()
	c, err := Join(ctx, cfg)
	switch {
	case errors.Is(err, ErrConfig):
		return nil, nil, err
	case err != nil:
		return nil, notJoinedReport(ctx, cfg.withDefaults(), start, err), nil
	default:
		return c, nil, nil
	}
}

// loop is the goroutine of the call. It handles all events, one after the other.
func (c *Call) loop() {
	defer close(c.done)
	defer c.cancel(errHangup)
	c.deadline = time.NewTimer(0)
	defer c.deadline.Stop()
	c.enterPhase(waiting, c.cfg.PeerTimeout)
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
	c.log.end()
}

// begin connects to the peer that is in the room already, if there is one.
func (c *Call) begin() {
	others := c.signal.seat.Peers
	c.observe(Event{Kind: EventJoined, Others: len(others)})
	if c.cfg.ICE == Relay && len(turnURLs(c.servers, "")) == 0 {
		c.fail(NotConnected, noTURN(c.cfg.TURNProtocol))
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
		c.fail(NotConnected, c.noPeer())
	case connecting:
		f := c.notConnected()
		f.Hint = fmt.Sprintf("no connection with %s within %v: %s", c.partner.name, c.cfg.ConnectTimeout, f.Hint)
		c.fail(NotConnected, f)
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
		c.fail(Lost, lostCall(c.partner.name))
	case c.signal.seat.SendOnly && c.partner.link.video.frames.Load()+c.partner.link.audio.frames.Load() == 0:
		c.fail(NoMedia, Failure{StageMedia, "nothing_sent", "connected with " + c.partner.name + ", but neither video nor audio was sent"})
	case !c.signal.seat.SendOnly && c.partner.link.progress().firstRTP.IsZero():
		c.fail(NoMedia, noMedia(c.partner.name))
	default:
		c.setOutcome(Good, reason)
	}
}

// handleCancel ends the call because its context ended, or because of Hangup.
func (c *Call) handleCancel() {
	if errors.Is(context.Cause(c.ctx), errHangup) {
		c.handleHangup()
	} else {
		c.fail(Interrupted, Failure{StageCall, "interrupted", "stopped before the call was over"})
	}
}

// handleHangup ends the call because this side wants that.
func (c *Call) handleHangup() {
	if c.phase == talking || c.phase == closing {
		c.endConnected("hung up")
	} else {
		c.fail(NotConnected, Failure{StageCall, "hung_up", "hung up before the call was connected"})
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
	c.pingIfDue(time.Now())
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
	c.trace.add(e)
	c.log.add(e)
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
	c.settle()
	report := c.report()
	c.outbox.close()
	c.endMessages(ErrCallEnded)
	c.signal.leave()
	if c.partner != nil {
		if c.partner.askTimer != nil {
			c.partner.askTimer.Stop()
		}
		if c.partner.link != nil {
			c.partner.link.close()
		}
	}
	c.closeImpairment()
	c.cancel(errHangup)
	c.signal.close()
	c.complete(report)
	c.final = report
}
