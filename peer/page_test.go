package peer_test

import (
	"context"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// page plays the other side of a call by hand: it offers and answers what a
// browser would, with Pion's default codecs, under the control of a test.
type page struct {
	t      *testing.T
	client *client.Client
	other  string // the bot; known once it is there
	number int
	pc     *webrtc.PeerConnection
	// prepare is called with each new connection; it may be nil.
	prepare func(*webrtc.PeerConnection)
	codecs  func(*webrtc.MediaEngine) error // registers what it supports; nil = Pion's default codecs
	marks   bool                            // the page has the data channels of docs/call.md
	// certificates is the page's for all connections; nil = a new one for each.
	certificates []webrtc.Certificate

	candidates []protocol.Candidate // of this side, gathered and held back
	connected  chan struct{}
}

func open(t *testing.T, s *server) *page {
	t.Helper()
	return openWith(t, client.Config{NoReconnect: true, URL: s.url, Name: "page"})
}

func openWith(t *testing.T, config client.Config) *page {
	t.Helper()
	c, err := client.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, client: c}
	t.Cleanup(func() {
		_ = c.Close()
		p.close()
	})
	joined, err := c.Join(t.Context(), "room")
	if err != nil {
		t.Fatal(err)
	}
	if len(joined.Peers) > 0 {
		p.other = joined.Peers[0].Peer
	}
	return p
}

func (p *page) close() {
	if p.pc != nil {
		_ = p.pc.GracefulClose()
		p.pc = nil
	}
}

// build creates a connection that sends video, with a call number.
func (p *page) build(number int) {
	p.t.Helper()
	p.close()
	var err error
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	media := &webrtc.MediaEngine{}
	codecs := p.codecs
	if codecs == nil {
		codecs = (*webrtc.MediaEngine).RegisterDefaultCodecs
	}
	if err := codecs(media); err != nil {
		p.t.Fatal(err)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings))
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{Certificates: p.certificates}); err != nil {
		p.t.Fatal(err)
	}
	p.number, p.connected = number, make(chan struct{})
	connected := p.connected
	p.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	if p.prepare != nil {
		p.prepare(p.pc)
	}
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "page")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.pc.AddTrack(track); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionRecvonly,
	}); err != nil {
		p.t.Fatal(err)
	}
}

// gather sets a local description and waits for its candidates.
func (p *page) gather(d webrtc.SessionDescription, err error) *protocol.Description {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	p.candidates = nil
	done := make(chan struct{})
	p.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c == nil {
			close(done)
			return
		}
		j := c.ToJSON()
		p.candidates = append(p.candidates, protocol.Candidate{Candidate: j.Candidate, SDPMid: j.SDPMid, SDPMLineIndex: j.SDPMLineIndex})
	})
	if err := p.pc.SetLocalDescription(d); err != nil {
		p.t.Fatal(err)
	}
	await(p.t, "candidates", done)
	return &protocol.Description{Type: d.Type.String(), SDP: d.SDP}
}

func (p *page) offer() *protocol.Description {
	p.t.Helper()
	return p.gather(p.pc.CreateOffer(nil))
}

func (p *page) answer(d *protocol.Description) *protocol.Description {
	p.t.Helper()
	p.setRemote(d)
	return p.gather(p.pc.CreateAnswer(nil))
}

func (p *page) setRemote(d *protocol.Description) {
	p.t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.NewSDPType(d.Type), SDP: d.SDP}); err != nil {
		p.t.Fatal(err)
	}
}

// say sends call data; if it has no call number, it gets the page's.
func (p *page) say(data any) {
	p.t.Helper()
	if d, ok := data.(protocol.CallData); ok {
		if d.Call == 0 {
			d.Call = p.number
		}
		d.Ctl = p.marks && d.Description != nil
		data = d
	}
	if _, err := p.client.Send(p.t.Context(), p.other, data); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) sayCandidates() {
	p.t.Helper()
	for i := range p.candidates {
		p.say(protocol.CallData{Candidate: &p.candidates[i]})
	}
	p.say(protocol.CallData{EndOfCandidates: true})
}

// hear returns the next message of the wanted kind; candidates before it are applied.
func (p *page) hear(what string, wanted func(protocol.CallData) bool) protocol.CallData {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		event, err := p.client.Receive(ctx)
		if err != nil {
			p.t.Fatalf("in vain waited for %s: %v", what, err)
		}
		switch e := event.(type) {
		case protocol.OtherJoined:
			p.other = e.Peer
		case protocol.MessageEvent:
			var d protocol.CallData
			if err := d.UnmarshalJSON(e.Data); err != nil {
				p.t.Fatal(err)
			}
			if wanted(d) {
				return d
			}
			if d.Candidate != nil && d.Call == p.number && p.pc != nil && p.pc.RemoteDescription() != nil {
				_ = p.pc.AddICECandidate(webrtc.ICECandidateInit{
					Candidate: d.Candidate.Candidate, SDPMid: d.Candidate.SDPMid, SDPMLineIndex: d.Candidate.SDPMLineIndex,
				})
			}
		}
	}
}

func (p *page) hearDescription(kind string) protocol.CallData {
	p.t.Helper()
	return p.hear(kind, func(d protocol.CallData) bool { return d.Description != nil && d.Description.Type == kind })
}

// awaitOther waits until another peer is in the room.
func (p *page) awaitOther() {
	p.t.Helper()
	for p.other == "" {
		event, err := p.client.Receive(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if e, ok := event.(protocol.OtherJoined); ok {
			p.other = e.Peer
		}
	}
}

// answerCall takes the bot's call and waits until it is connected.
func (p *page) answerCall(number int) {
	p.t.Helper()
	p.build(number)
	offer := p.hearDescription("offer")
	if offer.Call != number {
		p.t.Fatalf("an offer for call %d, want %d", offer.Call, number)
	}
	answer := p.answer(offer.Description)
	p.say(protocol.CallData{Description: answer})
	p.sayCandidates()
	await(p.t, "connection", p.connected)
}

// listener is a bot that only listens, so that a page need not send.
func (s *server) listener(t *testing.T) peer.Config {
	t.Helper()
	cfg := s.bot(t, "bot")
	cfg.Duration = 20 * time.Second
	return cfg
}
