// Package mitm is a man in the middle of a call, for tests of the safety code. It has
// both ends in rooms of its own, on servers that do what it likes, and has one
// connection with each of them, with a certificate of its own. It passes on, unchanged,
// what they say on ctl, so each gets the other's nonces. It can also put the fingerprint
// of the end that it impersonates into its descriptions: an end that believed it would
// compute the same code as the other.
package mitm

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// Config says between whom the attacker sits.
type Config struct {
	// Impolite and Polite are the servers of the two ends. The first end is in its
	// room already; the second comes when Join has returned.
	Impolite, Polite string
	Room             string // the same on both servers, as the ends believe
	TLS              *tls.Config
	Loopback         bool // offer addresses of the loopback interface
	Lie              Lie
}

// Attacker sits between two ends.
type Attacker struct {
	cfg              Config
	impolite, polite *end
	wait             sync.WaitGroup
	cancel           context.CancelFunc
}

// end is one of the two ends, and the attacker's connection with it.
type end struct {
	client *client.Client
	id     string // of the end
	pc     *webrtc.PeerConnection
	ctl    *webrtc.DataChannel
	open   chan struct{}
	heard  chan []byte // on ctl
	states chan webrtc.PeerConnectionState

	described  chan string                  // the end's first description
	candidates chan webrtc.ICECandidateInit // of the end
}

const (
	maxWaiting   = 1024            // of anything; a test has much less
	leaveTimeout = 2 * time.Second // for the reply to leave
)

// Join takes the seats of the attacker.
func Join(ctx context.Context, cfg Config) (*Attacker, error) {
	a := &Attacker{cfg: cfg}
	var err error
	if a.impolite, err = newEnd(ctx, &cfg, cfg.Impolite); err != nil {
		return nil, err
	}
	if a.polite, err = newEnd(ctx, &cfg, cfg.Polite); err != nil {
		a.impolite.close(ctx)
		return nil, err
	}
	ctx, a.cancel = context.WithCancel(ctx)
	for _, e := range []*end{a.impolite, a.polite} {
		a.wait.Go(func() { e.receive(ctx) })
	}
	return a, nil
}

// Close ends the attack.
func (a *Attacker) Close() {
	a.cancel()
	a.impolite.close(context.Background())
	a.polite.close(context.Background())
	a.wait.Wait()
}

// Run connects the attacker with both ends. It returns what became of the two
// connections: "connected", or "failed" if an end has refused the attacker's
// certificate.
func (a *Attacker) Run(ctx context.Context) (impolite, polite string, err error) {
	offer, err := next(ctx, "the offer of the impolite end", a.impolite.described)
	if err != nil {
		return "", "", err
	}
	if err := a.polite.awaitArrival(ctx); err != nil {
		return "", "", err
	}
	if err := a.offer(ctx, fingerprintLine(offer)); err != nil {
		return "", "", err
	}
	answer, err := next(ctx, "the answer of the polite end", a.polite.described)
	if err != nil {
		return "", "", err
	}
	if err := a.polite.setRemote(ctx, webrtc.SDPTypeAnswer, answer, &a.wait); err != nil {
		return "", "", err
	}
	if err := a.answer(ctx, offer, fingerprintLine(answer)); err != nil {
		return "", "", err
	}
	a.wait.Go(func() { forward(ctx, a.impolite, a.polite) })
	a.wait.Go(func() { forward(ctx, a.polite, a.impolite) })
	if impolite, err = a.impolite.settled(ctx); err != nil {
		return "", "", err
	}
	polite, err = a.polite.settled(ctx)
	return impolite, polite, err
}

// offer calls the polite end.
func (a *Attacker) offer(ctx context.Context, lie string) error {
	e := a.polite
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := e.pc.AddTransceiverFromKind(kind, direction); err != nil {
			return err
		}
	}
	offer, err := e.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	return e.say(ctx, offer, a.cfg.Lie, lie)
}

// answer answers the impolite end.
func (a *Attacker) answer(ctx context.Context, offer, lie string) error {
	e := a.impolite
	if err := e.setRemote(ctx, webrtc.SDPTypeOffer, offer, &a.wait); err != nil {
		return err
	}
	answer, err := e.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	return e.say(ctx, answer, a.cfg.Lie, lie)
}

// newEnd joins a room and creates the connection with the end there.
func newEnd(ctx context.Context, cfg *Config, server string) (*end, error) {
	c, err := client.Dial(ctx, client.Config{URL: server, TLS: cfg.TLS, Name: "the other"})
	if err != nil {
		return nil, err
	}
	e := &end{
		client: c, open: make(chan struct{}), heard: make(chan []byte, maxWaiting), states: make(chan webrtc.PeerConnectionState, maxWaiting),
		described: make(chan string, 1), candidates: make(chan webrtc.ICECandidateInit, maxWaiting),
	}
	joined, err := c.Join(ctx, cfg.Room)
	if err == nil {
		if len(joined.Peers) > 0 {
			e.id = joined.Peers[0].Peer
		}
		err = e.connect(cfg)
	}
	if err != nil {
		e.close(ctx)
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return e, nil
}

func (e *end) connect(cfg *Config) (err error) {
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(cfg.Loopback)
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return err
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media))
	if e.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return err
	}
	e.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { offer(e.states, s) })
	yes, ctlID, fileID := true, uint16(100), uint16(101)
	if _, err := e.pc.CreateDataChannel("file", &webrtc.DataChannelInit{Ordered: &yes, Negotiated: &yes, ID: &fileID}); err != nil {
		return err
	}
	e.ctl, err = e.pc.CreateDataChannel("ctl", &webrtc.DataChannelInit{Ordered: &yes, Negotiated: &yes, ID: &ctlID})
	if err != nil {
		return err
	}
	e.ctl.OnOpen(func() { close(e.open) })
	e.ctl.OnMessage(func(m webrtc.DataChannelMessage) { offer(e.heard, m.Data) })
	return nil
}

func (e *end) close(ctx context.Context) {
	if e.pc != nil {
		_ = e.pc.GracefulClose() // a connection that failed
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	_ = e.client.Leave(ctx) // otherwise the server sees the connection end
	_ = e.client.Close()    // an error changes nothing
}

// offer sends v if there is room.
func offer[T any](c chan<- T, v T) {
	select {
	case c <- v:
	default:
	}
}

func next[T any](ctx context.Context, what string, c <-chan T) (v T, err error) {
	select {
	case v = <-c:
		return v, nil
	case <-ctx.Done():
		return v, fmt.Errorf("in vain waited for %s: %w", what, context.Cause(ctx))
	}
}

// receive handles what the end says through the server. The id of an end that comes is
// set before its first description is told.
func (e *end) receive(ctx context.Context) {
	arrived := e.id != ""
	for {
		event, err := e.client.Receive(ctx)
		if err != nil {
			return
		}
		switch event := event.(type) {
		case protocol.OtherJoined:
			if !arrived {
				arrived, e.id = true, event.Peer
				offer(e.described, "") // it has come
			}
		case protocol.MessageEvent:
			var data protocol.CallData
			if data.UnmarshalJSON(event.Data) != nil || data.Call != 1 {
				continue
			}
			if data.Description != nil {
				offer(e.described, data.Description.SDP)
			}
			if c := data.Candidate; c != nil {
				offer(e.candidates, webrtc.ICECandidateInit{Candidate: c.Candidate, SDPMid: c.SDPMid, SDPMLineIndex: c.SDPMLineIndex})
			}
		}
	}
}

// awaitArrival waits until the end is in its room.
func (e *end) awaitArrival(ctx context.Context) error {
	_, err := next(ctx, "the polite end", e.described)
	return err
}

// setRemote applies the end's description, and its candidates as they come.
func (e *end) setRemote(ctx context.Context, kind webrtc.SDPType, sdp string, wait *sync.WaitGroup) error {
	if err := e.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		return err
	}
	wait.Go(func() {
		for {
			c, err := next(ctx, "a candidate", e.candidates)
			if err != nil {
				return
			}
			_ = e.pc.AddICECandidate(c) // one of them works
		}
	})
	return nil
}

// say sends a description with all its candidates, and with a lie.
func (e *end) say(ctx context.Context, d webrtc.SessionDescription, l Lie, line string) error {
	gathered := webrtc.GatheringCompletePromise(e.pc)
	if err := e.pc.SetLocalDescription(d); err != nil {
		return err
	}
	if _, err := next(ctx, "candidates", gathered); err != nil {
		return err
	}
	data := protocol.CallData{Call: 1, Ctl: true, Description: &protocol.Description{
		Type: d.Type.String(), SDP: l.tell(e.pc.LocalDescription().SDP, line),
	}}
	_, err := e.client.Send(ctx, e.id, data)
	return err
}

// settled waits until the end has accepted or refused the attacker's certificate.
func (e *end) settled(ctx context.Context) (string, error) {
	for {
		s, err := next(ctx, "a connection", e.states)
		if err != nil {
			return "", err
		}
		switch s {
		case webrtc.PeerConnectionStateConnected, webrtc.PeerConnectionStateFailed:
			return s.String(), nil
		case webrtc.PeerConnectionStateClosed:
			return webrtc.PeerConnectionStateFailed.String(), nil
		default:
		}
	}
}

// forward passes on what one end says on ctl to the other.
func forward(ctx context.Context, from, to *end) {
	if _, err := next(ctx, "the channel", to.open); err != nil {
		return
	}
	for {
		text, err := next(ctx, "a message", from.heard)
		if err != nil || to.ctl.SendText(string(text)) != nil {
			return
		}
	}
}
