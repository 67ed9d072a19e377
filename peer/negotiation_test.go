package peer_test

import (
	"strings"
	"testing"

	"callbox/peer"
	"callbox/signaling/protocol"
)

// checkCodecs checks that a description offers what a bot can receive, with VP8 before other
// video, and Opus before PCMU, and nothing else.
func checkCodecs(t *testing.T, sdp string) {
	t.Helper()
	var offered []string
	for line := range strings.Lines(sdp) {
		codec, ok := strings.CutPrefix(strings.TrimSpace(line), "a=rtpmap:")
		if _, codec, _ = strings.Cut(codec, " "); ok && codec != "rtx/90000" {
			offered = append(offered, codec)
		}
	}
	if want := "opus/48000/2 PCMU/8000 VP8/90000 VP9/90000 H264/90000 AV1/90000"; strings.Join(offered, " ") != want {
		t.Errorf("offers %q, want %s", offered, want)
	}
}

// The peer that was in the room first calls: the bot offers when the page joins.
func TestBotCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	bot := join(t, s.listener(t))
	p := open(t, s)
	p.build(1)
	offer := p.hearDescription("offer")
	checkCodecs(t, offer.Description.SDP)
	if strings.Contains(offer.Description.SDP, "a=candidate") {
		t.Error("the offer waited for candidates")
	}
	p.say(protocol.CallData{Description: p.answer(offer.Description)})
	p.sayCandidates()
	await(t, "connection", p.connected)
	await(t, "connection at the bot", bot.Connected())

	// The page may offer, too, and may ask for an offer.
	p.say(protocol.CallData{Description: p.offer()})
	p.setRemote(p.hearDescription("answer").Description)
	p.say(protocol.CallData{Renegotiate: true})
	again := p.hearDescription("offer")
	if again.Call != 1 {
		t.Errorf("renegotiation under call %d", again.Call)
	}
}

// A newcomer answers: the bot waits for the page's offer, whose candidates arrived before it.
func TestBotAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	p := open(t, s)
	bot := join(t, s.listener(t))
	p.awaitOther()
	p.build(1)
	offer := p.offer()
	p.sayCandidates()
	p.say(protocol.CallData{Description: offer})
	answer := p.hearDescription("answer")
	if answer.Call != 1 {
		t.Errorf("answer for call %d", answer.Call)
	}
	p.setRemote(answer.Description)
	await(t, "connection", p.connected)
	await(t, "connection at the bot", bot.Connected())
}

// A newcomer that waits in vain asks for an offer, and never makes one.
func TestBotAsksForTheOffer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	p := open(t, s)
	join(t, s.listener(t))
	d := p.hear("a word", func(protocol.CallData) bool { return true })
	if !d.Renegotiate || d.Call != 1 {
		t.Errorf("said %+v", d)
	}
}

// A higher call number is a new connection, a lower one is stale.
func TestRebuild(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	rebuilt := make(chan struct{}, 2)
	cfg.Observe = func(e peer.Event) {
		if e.Kind == peer.EventRebuild {
			rebuilt <- struct{}{}
		}
	}
	bot := join(t, cfg)
	p := open(t, s)
	p.answerCall(1)
	await(t, "connection at the bot", bot.Connected())

	p.build(3)
	offer := p.offer()
	p.say(protocol.CallData{Description: offer})
	p.say(protocol.CallData{Call: 2, Description: offer}) // stale
	p.say(protocol.CallData{Call: 1, Renegotiate: true})  // stale
	p.sayCandidates()
	answer := p.hearDescription("answer")
	if answer.Call != 3 {
		t.Errorf("answer for call %d", answer.Call)
	}
	p.setRemote(answer.Description)
	await(t, "second connection", p.connected)
	await(t, "event", rebuilt)

	// The bot also starts a new connection when it is asked to with a higher number.
	p.build(4)
	p.say(protocol.CallData{Renegotiate: true})
	p.number = 3
	p.answerCall(4)
}

// The impolite side ignores an offer that collides with its own.
func TestCollidingOfferIsIgnored(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	bot := join(t, s.listener(t))
	p := open(t, s)
	p.build(1)
	p.say(protocol.CallData{Description: p.offer()})
	offer := p.hearDescription("offer")
	p.build(1) // instead of a rollback, which Pion has not
	p.say(protocol.CallData{Description: p.answer(offer.Description)})
	p.sayCandidates()
	await(t, "connection", p.connected)
	await(t, "connection at the bot", bot.Connected())
}

func TestNonsenseIsIgnored(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	bot := join(t, s.listener(t))
	p := open(t, s)
	mid := "0"
	for _, nonsense := range []any{
		"hello", 7, nil,
		[]int{1},
		map[string]any{"call": 1},
		map[string]any{"call": -1, "renegotiate": true},
		map[string]any{"call": "one", "candidate": nil},
		protocol.CallData{Call: 1, Candidate: &protocol.Candidate{Candidate: "nonsense", SDPMid: &mid}},
		protocol.CallData{Call: 1, Description: &protocol.Description{Type: "rollback"}},
		protocol.CallData{Call: 1, Description: &protocol.Description{Type: "pranswer", SDP: "v=0"}},
	} {
		p.say(nonsense)
	}
	p.answerCall(1)
	await(t, "connection at the bot", bot.Connected())
	p.say(protocol.CallData{Description: &protocol.Description{Type: "offer", SDP: "v=nonsense"}})
	p.say(protocol.CallData{Description: &protocol.Description{Type: "answer", SDP: "v=nonsense"}})
	p.say(protocol.CallData{Renegotiate: true})
	p.hearDescription("offer")
}

// A peer that leaves before the call is connected makes room for the next one.
func TestNextOneIsCalled(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	bot := join(t, s.listener(t))
	p := open(t, s)
	p.hearDescription("offer")
	if err := p.client.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := open(t, s)
	q.answerCall(1)
	await(t, "connection", bot.Connected())
	if err := q.client.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It was connected, but sent nothing.
	checkOutcome(t, bot.Wait(), peer.NoMedia, "neither video nor audio")
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.ConnectTimeout = shortTimeout
	bot := join(t, cfg)
	open(t, s)
	checkOutcome(t, bot.Wait(), peer.NotConnected, "no answer was received from page")
}

// An offer that shares no codec with the bot cannot become a call, and the report says so.
func TestUnusableAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.ConnectTimeout = shortTimeout
	bot := join(t, cfg)
	p := open(t, s)
	p.number = 1
	p.hearDescription("offer")
	p.say(protocol.CallData{Description: &protocol.Description{Type: "answer", SDP: "v=nonsense"}})
	checkOutcome(t, bot.Wait(), peer.NotConnected, "answer cannot be used")
}

// A page whose signaling breaks is still there as long as its media is.
func TestBrokenSignalingOfTheOtherSide(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.SettingEngine = impatient
	gone := make(chan string, 1)
	cfg.Observe = func(e peer.Event) {
		if e.Kind == peer.EventPeerLeft {
			gone <- e.Reason
		}
	}
	bot := join(t, cfg)
	p := open(t, s)
	p.answerCall(1)
	await(t, "connection at the bot", bot.Connected())
	if err := p.client.Close(); err != nil {
		t.Fatal(err)
	}
	if reason := <-gone; reason != string(protocol.ReasonTimeout) {
		t.Errorf("left for reason %q", reason)
	}
	select {
	case <-bot.Done():
		t.Error("the call ended while the connection was there")
	default:
	}
	p.close() // in order
	if code := bot.Wait().ExitCode; code != peer.NoMedia {
		t.Errorf("ended with %d", code)
	}
}
