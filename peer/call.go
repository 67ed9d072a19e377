package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// Times that no one has had to change.
const (
	leaveTimeout   = 2 * time.Second // to say goodbye
	closedPatience = 2 * time.Second // from the other side's closing the connection to taking that for goodbye
	offerPatience  = 3 * time.Second // for the offer, before asking for one
	sampleEvery    = time.Second
)

// postsQueued is how many callbacks of a connection may wait.
const postsQueued = 64

// Call is a seat in a room and the call that is made from it. All fields below the
// line belong to the goroutine of loop.
type Call struct {
	cfg     Config
	start   time.Time
	signal  *signal
	servers []webrtc.ICEServer

	ctx       context.Context //nolint:containedctx // Join's: its end ends the call
	cancel    context.CancelCauseFunc
	life      context.Context //nolint:containedctx // of what must outlive ctx, to say goodbye
	posts     chan func()
	connected chan struct{}
	done      chan struct{}
	wait      sync.WaitGroup
	final     *Report // once done is closed

	// ----
	events   <-chan client.Event // nil when the server was lost for good
	away     error               // why the server is out of reach just now; nil = it is not
	phase    phase
	partner  *partner
	deadline *time.Timer
	timeline timeline
	outcome  *outcome
	parted   string // how it stood with the last partner when it left
	trouble  error  // the last thing that went wrong on the way to a connection
}

// phase says what deadline is for.
type phase int

const (
	waiting    phase = iota // for somebody to come
	connecting              // with partner
	talking                 // until Duration is over
	closing                 // the other side closed the connection; its goodbye may still come
)

// partner is the peer that is called or calls.
type partner struct {
	id, name string
	role     Role // this peer's towards it
	number   int  // of the connection; 0 before the first
	link     *link
	askTimer *time.Timer // to ask for an offer; nil for the caller

	candidates int                 // own ones that were sent
	said       []protocol.CallData // the candidates, to say them again to who missed them
	state      webrtc.PeerConnectionState
	gone       bool // its seat is free, and not because it said so; it may come back
	absent     bool // the server has forgotten both, and this one is back first
	sawFrame   bool
}

// outcome is how a call ended.
type outcome struct {
	code   ExitCode
	reason string
	at     time.Time
}

// Errors that Join's error may wrap, beside those of callbox/signaling/client.
var (
	// ErrConfig marks a configuration that cannot work.
	ErrConfig = errors.New("invalid configuration")
	// errHangup ends a call that Hangup was called for.
	errHangup = errors.New("hung up")
)

// Join enters the room and returns as soon as it is in; the call is then made in
// the background: with whoever is there, or comes. The call ends with Duration, when
// the other side leaves, with Hangup, or when ctx ends. The caller must call Wait.
//
// The error wraps ErrConfig, or is one of the signaling client's: then the room
// could not be entered within ConnectTimeout.
func Join(ctx context.Context, cfg Config) (*Call, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c := &Call{
		cfg: cfg.withDefaults(), start: time.Now(),
		posts: make(chan func(), postsQueued), connected: make(chan struct{}), done: make(chan struct{}),
	}
	c.life = context.WithoutCancel(ctx)
	ctx, c.cancel = context.WithCancelCause(ctx)
	c.ctx = ctx
	var err error
	if c.signal, err = enter(ctx, &c.cfg, &c.timeline); err != nil {
		c.cancel(err)
		return nil, err
	}
	c.events = c.signal.events
	c.servers = selectServers(c.signal.joined.ICEServers, c.cfg.ICE, c.cfg.TURNProtocol)
	c.wait.Go(c.loop)
	return c, nil
}

// Connected is closed when the call is connected for the first time.
func (c *Call) Connected() <-chan struct{} { return c.connected }

// Done is closed when the call has ended and nothing of it runs any more.
func (c *Call) Done() <-chan struct{} { return c.done }

// Hangup ends the call in order, as if its Duration were over. Wait for the report.
func (c *Call) Hangup() { c.cancel(errHangup) }

// Wait waits until the call has ended and returns its report.
func (c *Call) Wait() *Report {
	c.wait.Wait()
	return c.final
}

// Run joins, waits and reports, also when the room cannot be entered. The error
// wraps ErrConfig; there is none otherwise.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	start := time.Now()
	c, err := Join(ctx, cfg)
	switch {
	case errors.Is(err, ErrConfig):
		return nil, err
	case err != nil:
		return refused(ctx, cfg.withDefaults(), start, err), nil
	default:
		return c.Wait(), nil
	}
}

// loop is the call: everything that happens passes here, one after the other.
func (c *Call) loop() {
	defer close(c.done)
	defer c.cancel(errHangup)
	c.deadline = time.NewTimer(c.cfg.ConnectTimeout)
	defer c.deadline.Stop()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()

	c.arrive()
	for c.outcome == nil {
		var ask <-chan time.Time
		if c.partner != nil && c.partner.askTimer != nil {
			ask = c.partner.askTimer.C
		}
		select {
		case <-c.ctx.Done():
			c.interrupted()
		case event, ok := <-c.events:
			c.heard(event, ok)
		case post := <-c.posts:
			post()
		case <-ask:
			c.askForOffer()
		case <-c.deadline.C:
			c.expired()
		case <-ticker.C:
			c.tick()
		}
	}
	c.conclude()
}

// arrive begins with whoever is in the room already.
func (c *Call) arrive() {
	others := c.signal.joined.Peers
	c.tell(Event{Kind: EventJoined, Others: len(others)})
	if c.cfg.ICE == Relay && len(turnURLs(c.servers, "")) == 0 {
		c.finish(NotConnected, noTURNReason(c.cfg.TURNProtocol))
		return
	}
	if len(others) > 0 {
		c.meet(others[0].Peer, others[0].Name, others[0].Polite)
	}
}

// meet begins the conversation with another peer. Being polite towards it means to answer.
func (c *Call) meet(id, name string, polite bool) {
	name = shownName(name)
	c.partner = &partner{id: id, name: name, role: Caller}
	if polite {
		c.partner.role = Callee
		c.partner.askTimer = time.NewTimer(offerPatience)
	}
	c.enterPhase(connecting, c.cfg.ConnectTimeout)
	c.timeline.peerSeen = time.Now()
	c.tell(Event{Kind: EventPeerSeen, Name: name, Role: c.partner.role})
	if c.partner.role == Caller && c.build(1) {
		c.offer()
	}
}

// part ends the conversation; somebody else may come.
func (c *Call) part() {
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

// expired is called at the deadline of the phase.
func (c *Call) expired() {
	switch c.phase {
	case waiting:
		c.finish(NotConnected, c.whyNobody())
	case connecting:
		c.finish(NotConnected, fmt.Sprintf("no connection with %s within %v: %s",
			c.partner.name, c.cfg.ConnectTimeout, c.whyNotConnected()))
	case talking:
		c.over("the call lasted its full duration")
	case closing:
		c.over(c.partner.name + " closed the connection")
	}
}

// over ends a call that was connected, in order.
func (c *Call) over(reason string) {
	state := c.partner.state
	switch {
	case state != webrtc.PeerConnectionStateConnected && state != webrtc.PeerConnectionStateClosed:
		c.finish(Lost, "the connection was lost during the call: nothing more was received from "+c.partner.name)
	case c.partner.link.progress().firstRTP.IsZero():
		c.finish(NoMedia, "connected with "+c.partner.name+", but neither video nor audio was received")
	default:
		c.finish(Good, reason)
	}
}

// interrupted ends the call because its context did, or by Hangup.
func (c *Call) interrupted() {
	hungUp := errors.Is(context.Cause(c.ctx), errHangup)
	switch {
	case hungUp && (c.phase == talking || c.phase == closing):
		c.over("hung up")
	case hungUp:
		c.finish(NotConnected, "hung up before the call was connected")
	default:
		c.finish(Interrupted, "stopped before the call was over")
	}
}

func (c *Call) finish(code ExitCode, reason string) {
	if c.outcome == nil {
		c.outcome = &outcome{code: code, reason: reason, at: time.Now()}
	}
}

// tick looks at a connection that is there.
func (c *Call) tick() {
	if c.phase == talking && c.partner.state == webrtc.PeerConnectionStateConnected {
		c.partner.link.sample()
	}
	c.noteMedia()
}

// noteMedia enters the first packet and the first frame.
func (c *Call) noteMedia() {
	if c.partner == nil || c.partner.link == nil {
		return
	}
	p := c.partner.link.progress()
	c.timeline.firstRTP, c.timeline.firstFrame = p.firstRTP, p.firstFrame
	if !p.firstFrame.IsZero() && !c.partner.sawFrame {
		c.partner.sawFrame = true
		c.tell(Event{Kind: EventFirstFrame, At: p.firstFrame.Sub(c.start), Name: c.partner.name})
	}
}

func (c *Call) tell(e Event) {
	if e.At == 0 {
		e.At = time.Since(c.start)
	}
	c.cfg.Observe(e)
}

// post runs f in loop, unless the connection that it is about has been closed.
func (c *Call) post(l *link, f func()) {
	select {
	case c.posts <- func() {
		if c.partner != nil && c.partner.link == l {
			f()
		}
	}:
	case <-l.ctx.Done():
	}
}

// conclude reports, says goodbye and closes everything.
func (c *Call) conclude() {
	c.noteMedia()
	if c.phase == talking && c.partner.state == webrtc.PeerConnectionStateConnected {
		c.partner.link.sample()
	}
	report := c.report()
	c.signal.leave()
	if c.partner != nil {
		if c.partner.askTimer != nil {
			c.partner.askTimer.Stop()
		}
		if c.partner.link != nil {
			c.partner.link.close()
		}
	}
	c.cancel(errHangup)
	c.signal.close()
	c.final = report
}
