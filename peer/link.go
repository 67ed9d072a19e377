package peer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/webrtc/v4"

	"callbox/internal/pionlog"
	"callbox/signaling/protocol"
)

// Limits of what the other side can make a link store.
const (
	maxPendingCandidates = 256
	maxTracks            = 8
)

// link is one RTCPeerConnection, of one generation. Only the goroutine of the Call
// may call its methods, unless they say otherwise.
type link struct {
	cfg        *Config
	seat       *Seat
	observer   linkObserver
	generation int
	servers    []webrtc.ICEServer
	pc         *webrtc.PeerConnection
	dialer     *turnDialer
	numbers    *counters
	nacks      *nacks

	ctx    context.Context //nolint:containedctx // for the link's goroutines and Pion's callbacks
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
	// sendCtx is for the goroutines that send media.
	sendCtx     context.Context //nolint:containedctx // ends before ctx, so that the call can end gracefully
	stopSending context.CancelFunc
	sending     sync.WaitGroup

	ctl  *ctlChannel
	file *fileChannel

	relays       relayAddresses
	renomination renomination

	hasRemote bool
	answered  string                    // the offer that was answered last
	pending   []webrtc.ICECandidateInit // remote candidates, until there is a remote description
	offerDue  bool                      // an offer was asked for while one was pending
	// restartDue makes the next offer restart ICE (RFC 8445, section 9).
	restartDue bool
	restarts   int
	started    bool // media is sent
	// recordAfter is the number of the ping whose pong shows that the other side knows that
	// it is recorded; 0 = it has not been told.
	recordAfter uint64
	recording   atomic.Bool   // Config.Record gets what arrives
	keyFrames   chan struct{} // closed when a key frame is requested on all tracks; replaced then

	video sentTrack
	audio sentTrack

	mu          sync.Mutex
	tracks      []*receivedTrack
	faults      failures
	pair        *webrtc.ICECandidatePair // selected last
	pathChanges int
	moves       []move
	path        *Route
	roundTrips  series // in ms
}

var errLinkClosed = errors.New("the connection is closed")

// linkObserver is notified, from Pion's goroutines, of what happens to a link; never
// after close has returned.
type linkObserver interface {
	localCandidate(l *link, c *webrtc.ICECandidateInit) // nil = there are no more
	connectionState(l *link, at time.Time)              // has changed
	iceState(l *link, s webrtc.ICEConnectionState, at time.Time)
	firstFrame(l *link)                  // of a video track was decoded
	ctlMessage(l *link, text []byte)     // arrived on the data channel ctl
	fileMessage(l *link, message []byte) // arrived on the data channel file
	fileRoom(l *link)                    // more can be sent on the data channel file
}

// newLink creates a connection that is ready to offer or to answer.
func newLink(parent context.Context, cfg *Config, seat *Seat, generation int, servers []webrtc.ICEServer, o linkObserver) (*link, error) {
	ctx, cancel := context.WithCancelCause(parent)
	l := &link{
		cfg: cfg, seat: seat, observer: o, generation: generation, servers: servers, ctx: ctx, cancel: cancel,
		keyFrames: make(chan struct{}),
	}
	l.renomination.relays = &l.relays
	l.sendCtx, l.stopSending = context.WithCancel(ctx)
	if err := l.open(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *link) open() error {
	l.dialer = newTURNDialer(l.ctx, l.servers, l.cfg.Net, l.cfg.TLS)
	var err error
	if l.nacks, err = newNACKs(nack.WithGeneratorLoggerFactory(pionlog.Factory{Log: l.cfg.Logger})); err != nil {
		return err
	}
	api, numbers, err := engine(l.cfg, l.dialer, l.nacks, &l.renomination)
	if err != nil {
		return err
	}
	l.numbers = numbers
	l.pc, err = api.NewPeerConnection(webrtc.Configuration{
		ICEServers:         l.servers,
		ICETransportPolicy: l.cfg.ICE.transportPolicy(),
		BundlePolicy:       webrtc.BundlePolicyMaxBundle,
		Certificates:       l.cfg.Certificates,
	})
	if err != nil {
		return err
	}
	l.pc.OnICECandidate(func(c *webrtc.ICECandidate) { l.handleCandidate(c) })
	l.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { l.observer.connectionState(l, time.Now()) })
	l.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) { l.observer.iceState(l, s, time.Now()) })
	l.pc.OnTrack(l.receive)
	l.transport().OnSelectedCandidatePairChange(l.pairSelected)
	if err := l.openChannels(); err != nil {
		return err
	}
	return l.addTracks()
}

// transport returns the one ICE transport of the bundle.
func (l *link) transport() *webrtc.ICETransport { return l.pc.SCTP().Transport().ICETransport() }

// handleCandidate passes a local candidate on if the policy allows it.
func (l *link) handleCandidate(c *webrtc.ICECandidate) {
	if c == nil {
		l.observer.localCandidate(l, nil)
		return
	}
	if l.cfg.ICE == Relay && c.Typ != webrtc.ICECandidateTypeRelay || !l.cfg.ICE.allows(c.Typ.String()) {
		return
	}
	candidate := c.ToJSON()
	l.observer.localCandidate(l, &candidate)
}

// offer creates an offer and sets it as the local description. If the signaling
// state is not stable, the offer is made later, and ok is false.
func (l *link) offer() (d protocol.Description, ok bool, err error) {
	if l.pc.SignalingState() != webrtc.SignalingStateStable {
		l.offerDue = true
		return protocol.Description{}, false, nil
	}
	l.offerDue = false
	var options *webrtc.OfferOptions
	if l.restartDue {
		options = &webrtc.OfferOptions{ICERestart: true}
		l.restartDue = false
		l.restarts++
	}
	description, err := l.pc.CreateOffer(options)
	if err != nil {
		return protocol.Description{}, false, err
	}
	if err := l.pc.SetLocalDescription(description); err != nil {
		return protocol.Description{}, false, err
	}
	return l.describe(&description), true, nil
}

// pendingOffer returns the offer that has no answer yet. Its candidates are
// signalled separately.
func (l *link) pendingOffer() (d protocol.Description, ok bool) {
	description := l.pc.PendingLocalDescription()
	if description == nil || description.Type != webrtc.SDPTypeOffer {
		return protocol.Description{}, false
	}
	return l.describe(description), true
}

// answer applies an offer and returns the answer. An offer that collides with a
// local one is ignored, as on the impolite side: then ok is false. An offer that was
// sent twice, perhaps in two ways, is applied once and answered twice.
func (l *link) answer(offer *protocol.Description) (d protocol.Description, ok bool, err error) {
	if l.pc.SignalingState() != webrtc.SignalingStateStable {
		return protocol.Description{}, false, nil
	}
	if answer := l.pc.CurrentLocalDescription(); answer != nil && offer.SDP == l.answered {
		return l.describe(answer), true, nil
	}
	if err := l.setRemote(webrtc.SDPTypeOffer, offer.SDP); err != nil {
		return protocol.Description{}, false, err
	}
	description, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return protocol.Description{}, false, err
	}
	if err := l.pc.SetLocalDescription(description); err != nil {
		return protocol.Description{}, false, err
	}
	l.answered = offer.SDP
	return l.describe(&description), true, nil
}

// restartsICE reports whether an offer restarts ICE: then its user name is another
// one than before (RFC 8839, section 4.4.1.1.1).
func (l *link) restartsICE(offer *protocol.Description) bool {
	current := l.pc.CurrentRemoteDescription()
	if current == nil || offer.Type != webrtc.SDPTypeOffer.String() {
		return false
	}
	for name := range lines(offer.SDP, "a=ice-ufrag:") {
		for before := range lines(current.SDP, "a=ice-ufrag:") {
			return name != before
		}
	}
	return false
}

// setAnswer applies the answer to a local offer. An answer without an offer is
// ignored: then ok is false.
func (l *link) setAnswer(answer *protocol.Description) (ok bool, err error) {
	if l.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
		return false, nil
	}
	l.answered = ""
	return true, l.setRemote(webrtc.SDPTypeAnswer, answer.SDP)
}

func (l *link) setRemote(kind webrtc.SDPType, sdp string) error {
	description := webrtc.SessionDescription{Type: kind, SDP: filterCandidates(sdp, l.allowsRemote)}
	if err := l.pc.SetRemoteDescription(description); err != nil {
		return fmt.Errorf("the other side's %s cannot be used: %w", kind, err)
	}
	for line := range lines(description.SDP, "a=candidate:") {
		l.relays.note(line)
	}
	l.hasRemote = true
	for _, c := range l.pending {
		l.addCandidate(c)
	}
	l.pending = nil
	return nil
}

// addRemoteCandidate adds a candidate of the other side, or stores it until there is
// a remote description.
func (l *link) addRemoteCandidate(c *protocol.Candidate) {
	line := strings.TrimPrefix(c.Candidate, "a=") // some clients send the whole SDP line
	if line != "" && !l.allowsRemote(line) {
		return
	}
	candidate := webrtc.ICECandidateInit{
		Candidate: line, SDPMid: c.SDPMid, SDPMLineIndex: c.SDPMLineIndex, UsernameFragment: c.UsernameFragment,
	}
	if l.hasRemote {
		l.addCandidate(candidate)
		return
	}
	if len(l.pending) < maxPendingCandidates {
		l.pending = append(l.pending, candidate)
	}
}

func (l *link) addCandidate(c webrtc.ICECandidateInit) {
	l.relays.note(c.Candidate)
	if err := l.pc.AddICECandidate(c); err != nil { // one bad candidate does not affect the others
		l.cfg.Logger.Debug("a candidate was rejected", "error", err)
	}
}

// close closes the connection and waits for its goroutines.
func (l *link) close() {
	l.mu.Lock() // no track starts after this
	l.cancel(errLinkClosed)
	l.mu.Unlock()
	if l.pc != nil {
		if err := l.pc.GracefulClose(); err != nil {
			l.cfg.Logger.Debug("closing the connection", "error", err)
		}
	}
	l.stopMedia()
	l.wait.Wait()
}
