package peer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer"
	"callbox/peer/ctl"
	"callbox/signaling/protocol"
)

// events returns a channel that gets the events of a kind.
func events(cfg *peer.Config, kind peer.EventKind) <-chan peer.Event {
	found := make(chan peer.Event, 16)
	before := cfg.Observe
	cfg.Observe = func(e peer.Event) {
		if before != nil {
			before(e)
		}
		if e.Kind == kind {
			found <- e
		}
	}
	return found
}

func next[T any](tb testing.TB, what string, c <-chan T) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		tb.Fatal("in vain waited for: " + what)
		panic("unreachable")
	}
}

// Both ends of a call have the same safety code, and tell it during the call.
func TestSafetyCode(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	codesA, codesB := events(&a, peer.EventSafetyCode), events(&b, peer.EventSafetyCode)
	first, second := join(t, a), join(t, b)
	atA, atB := next(t, "the code at the first", codesA), next(t, "the code at the second", codesB)
	if atA.Code != atB.Code || len(atA.Code) != 6 || atA.Name != "Bo" || atB.Name != "Ann" {
		t.Errorf("codes: %+v, %+v", atA, atB)
	}
	first.Hangup()
	for _, r := range []*peer.Report{first.Wait(), second.Wait()} {
		if r.SafetyCode == nil || *r.SafetyCode != atA.Code || r.TimelineMS.DCOpen == nil {
			t.Errorf("reported %v, channel open at %v", r.SafetyCode, r.TimelineMS.DCOpen)
		}
	}
}

// Another call between the same two programs has another code.
func TestSafetyCodeIsFresh(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	codes := map[string]bool{}
	for range 2 {
		a := s.bot(t, "Ann")
		found := events(&a, peer.EventSafetyCode)
		first, second := join(t, a), join(t, s.bot(t, "Bo"))
		codes[next(t, "the code", found).Code] = true
		first.Hangup()
		first.Wait()
		second.Wait()
	}
	if len(codes) != 2 {
		t.Errorf("codes: %v", codes)
	}
}

// The server is gone for good. The bots negotiate on their data channel: an
// offer is answered, media goes on, and the one that hangs up is known to have done so.
func TestNegotiationWithoutServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	toA, toB := newThreeParts(), newThreeParts()
	a.VideoSink, b.VideoSink = toA, toB
	codesA, codesB := events(&a, peer.EventSafetyCode), events(&b, peer.EventSafetyCode)
	lostA, lostB := events(&a, peer.EventSignalingLost), events(&b, peer.EventSignalingLost)
	first, second := join(t, a), join(t, b)
	next(t, "the code at the first", codesA)
	next(t, "the code at the second", codesB)
	s.kill(t)
	next(t, "the loss at the first", lostA)
	next(t, "the loss at the second", lostB)
	await(t, "frames at the first", toA.parts[0])
	await(t, "frames at the second", toB.parts[0])
	local, _, _ := first.Negotiated()
	before := origin(&protocol.Description{SDP: local})
	first.Offer()
	for _, c := range []*peer.Call{first, second} {
		awaitOther(t, c, before)
	}
	await(t, "frames at the first after the negotiation", toA.parts[2])
	await(t, "frames at the second after the negotiation", toB.parts[2])
	first.Hangup()
	checkOutcome(t, first.Wait(), peer.Good, "hung up")
	checkOutcome(t, second.Wait(), peer.Good, "Ann left")
	for _, r := range []*peer.Report{first.Wait(), second.Wait()} {
		checkMedia(t, r)
	}
}

// awaitOther waits until the caller's offer is another one at a bot.
func awaitOther(t *testing.T, c *peer.Call, before string) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); ; <-poll.C {
		local, remote, settled := c.Negotiated()
		if settled && !strings.Contains(local+remote, before) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was negotiated")
		}
	}
}

// talker is a page with the data channels of docs/call.md, under the control of a
// test.
type talker struct {
	*page
	channel, file         *webrtc.DataChannel
	opened, ended, noFile chan struct{}
	heard                 chan string
}

func certificate(t *testing.T) webrtc.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := webrtc.GenerateCertificate(key)
	if err != nil {
		t.Fatal(err)
	}
	return *c
}

// newTalker opens a page whose channels the bot knows of if marks is true.
func newTalker(t *testing.T, s *server, marks bool) *talker {
	t.Helper()
	w := &talker{page: open(t, s), heard: make(chan string, 256)}
	w.marks = marks
	w.certificates = []webrtc.Certificate{certificate(t)}
	w.prepare = func(pc *webrtc.PeerConnection) {
		w.opened, w.ended, w.noFile = make(chan struct{}), make(chan struct{}), make(chan struct{})
		create := func(label string, id uint16, ended chan struct{}) *webrtc.DataChannel {
			yes := true
			c, err := pc.CreateDataChannel(label, &webrtc.DataChannelInit{Negotiated: &yes, Ordered: &yes, ID: &id})
			if err != nil {
				t.Fatal(err)
			}
			c.OnClose(func() { close(ended) })
			return c
		}
		w.channel, w.file = create("ctl", 100, w.ended), create("file", 101, w.noFile)
		opened := w.opened
		w.channel.OnOpen(func() { close(opened) })
		w.channel.OnMessage(func(m webrtc.DataChannelMessage) { w.heard <- string(m.Data) })
	}
	return w
}

// tell sends a message on ctl: a text, or something to encode.
func (w *talker) tell(m any) {
	w.t.Helper()
	text, ok := m.(string)
	if !ok {
		encoded, err := ctl.Encode(m.(ctl.Message))
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(encoded)
	}
	if err := w.channel.SendText(text); err != nil {
		w.t.Fatal(err)
	}
}

// told returns the next message of the bot on ctl.
func (w *talker) told() ctl.Message {
	w.t.Helper()
	text := next(w.t, "a message on ctl", w.heard)
	m, err := ctl.Decode([]byte(text))
	if err != nil {
		w.t.Fatalf("%v: %s", err, text)
	}
	return m
}

// toldDescription returns the next description of the bot on ctl.
func (w *talker) toldDescription() protocol.CallData {
	w.t.Helper()
	for {
		s, ok := w.told().(ctl.Signal)
		if !ok {
			continue
		}
		var data protocol.CallData
		if err := json.Unmarshal(s.Data, &data); err != nil {
			w.t.Fatal(err)
		}
		if data.Description != nil {
			return data
		}
	}
}

func (w *talker) signal(data protocol.CallData) {
	w.t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tell(ctl.Signal{Data: text})
}

// greet answers the bot's call and exchanges hello with it. The bot is the caller.
func (w *talker) greet() {
	w.t.Helper()
	w.answerCall(1)
	await(w.t, "the channel", w.opened)
	if hello, ok := w.told().(ctl.Hello); !ok || hello.V != 1 || hello.Name != "bot" || hello.App == "" {
		w.t.Fatalf("the first message is %#v", hello)
	}
	w.tell(ctl.Hello{V: 1})
	if state, ok := w.told().(ctl.State); !ok || !state.Audio || !state.Video || state.Screen {
		w.t.Fatalf("the second message is %#v", state)
	}
	if commit, ok := w.told().(ctl.Commit); !ok {
		w.t.Fatalf("the third message is %#v", commit)
	}
}

// listening returns a bot that a talker has called, and the talker.
func listening(t *testing.T, s *server, cfg *peer.Config) (*peer.Call, *talker) {
	t.Helper()
	bot := join(t, *cfg)
	w := newTalker(t, s, true)
	w.greet()
	await(t, "connection at the bot", bot.Connected())
	return bot, w
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	_, w := listening(t, s, &cfg)
	before := uint64(time.Now().UnixMilli())
	w.tell(ctl.Ping{N: 7, T: 42})
	pong, ok := w.told().(ctl.Pong)
	if !ok || pong.N != 7 || pong.T != 42 || pong.R < before || pong.R > uint64(time.Now().UnixMilli()) {
		t.Errorf("%#v, asked at %d", pong, before)
	}
	for n := range uint64(100) { // answers come once a second
		w.tell(ctl.Ping{N: n, T: 42})
	}
	answers := 0
	for quiet := time.After(300 * time.Millisecond); ; {
		select {
		case <-w.heard:
			answers++
			continue
		case <-quiet:
		}
		break
	}
	if answers > 3 {
		t.Errorf("%d answers at once", answers)
	}
}

// The bot reports that it is recorded, once for each recording.
func TestRecordingIsReported(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.bot(t, "bot")
	begun, over := events(&cfg, peer.EventRecording), events(&cfg, peer.EventRecordingOver)
	bot, w := listening(t, s, &cfg)
	for _, recording := range []bool{false, true, true, false, true} {
		w.tell(ctl.State{Audio: true, Recording: recording})
	}
	for i, events := range []<-chan peer.Event{begun, over, begun} {
		if e := next(t, "an event", events); e.Name == "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	bot.Hangup()
	if r := bot.Wait(); r.Data == nil || !r.Data.Recorded {
		t.Errorf("reported %+v", r.Data)
	}
	select {
	case e := <-begun:
		t.Errorf("reported again: %+v", e)
	case e := <-over:
		t.Errorf("reported again: %+v", e)
	default:
	}
}

// A channel that breaks its limits ends; the call goes on.
func TestCtlLimits(t *testing.T) {
	t.Parallel()
	for name, abuse := range map[string]func(w *talker){
		"201 messages and more": func(w *talker) {
			for range 450 {
				if w.channel.SendText(`{"type":"wave"}`) != nil {
					return // it has ended already
				}
			}
		},
		"a message of more than 64 KiB": func(w *talker) {
			w.tell(`{"type":"wave","x":"` + strings.Repeat("x", ctl.MaxBytes) + `"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			cfg := s.listener(t)
			bot, w := listening(t, s, &cfg)
			abuse(w)
			await(t, "the end of the channel", w.ended)
			w.say(protocol.CallData{Renegotiate: true})
			w.hearDescription("offer")
			stillThere(t, bot)
			select {
			case <-w.noFile:
				t.Error("the channel of files ended, too")
			default:
			}
		})
	}
}

// Messages within the limits, understood or not, do the channel no harm.
func TestCtlToleratesNonsense(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	for _, nonsense := range []string{
		"", "nonsense", "[]", `{"type":7}`, `{"type":"wave"}`, `{"type":"hello","v":1}`, `{"type":"got","id":0}`, `{"type":"chat"}`,
		`{"type":"signal","data":{}}`, `{"type":"signal","data":{"call":2,"renegotiate":true}}`, `{"type":"signal","data":{"call":0,"renegotiate":true}}`,
		`{"type":"wave","x":"` + strings.Repeat("x", ctl.MaxBytes-23) + `"}`,
	} {
		w.tell(nonsense)
	}
	if err := w.channel.Send([]byte(`{"type":"bye","final":true}`)); err != nil { // it is no text
		t.Fatal(err)
	}
	w.tell(ctl.Ping{N: 1})
	if _, ok := w.told().(ctl.Pong); !ok {
		t.Error("no pong")
	}
	stillThere(t, bot)
}

func stillThere(t *testing.T, bot *peer.Call) {
	t.Helper()
	select {
	case <-bot.Done():
		t.Errorf("the call ended: %s", bot.Wait().Reason)
	default:
	}
}

// Bytes of a file that nobody took end the channel of files, not the call.
func TestFileBytes(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	if err := w.file.Send(make([]byte, 16<<10)); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the channel of files", w.noFile)
	w.tell(ctl.Ping{N: 1})
	if _, ok := w.told().(ctl.Pong); !ok {
		t.Error("no pong")
	}
	stillThere(t, bot)
}

// The channels of a program that does not know docs/call.md may have the same ids.
// Nothing is sent on them, and whatever comes there, they stay open.
func TestForeignChannels(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.TakeFiles = 1 << 20
	bot := join(t, cfg)
	if err := bot.Say("hello"); err != nil {
		t.Fatal(err)
	}
	file := sendFile(t, bot, fileOf(10))
	w := newTalker(t, s, false)
	prepare := w.prepare
	inBand := make(chan struct{})
	echoed := make(chan string, 1)
	w.prepare = func(pc *webrtc.PeerConnection) {
		prepare(pc)
		c, err := pc.CreateDataChannel("chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.OnOpen(func() { close(inBand) })
		c.OnMessage(func(m webrtc.DataChannelMessage) { echoed <- string(m.Data) })
	}
	w.answerCall(1)
	await(t, "the channel", w.opened)
	await(t, "a channel that is opened in band", inBand)
	for range 300 {
		if err := w.channel.SendText(`{"type":"hello","v":1}`); err != nil {
			t.Fatal(err)
		}
	}
	for range 300 {
		if err := w.file.Send(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
	w.say(protocol.CallData{Renegotiate: true})
	w.setAnswerFor(w.hearDescription("offer"))
	await(t, "connection at the bot", bot.Connected())
	select {
	case text := <-w.heard:
		t.Errorf("the bot sent %s", text)
	case text := <-echoed:
		t.Errorf("the bot sent %s", text)
	case <-w.ended:
		t.Error("the bot closed the channel of another program")
	case <-w.noFile:
		t.Error("the bot closed the other channel of another program")
	case <-time.After(200 * time.Millisecond):
	}
	bot.Hangup()
	if r := bot.Wait(); r.SafetyCode != nil || r.TimelineMS.DCOpen != nil || r.Data != nil {
		t.Errorf("code %v, channel open at %v, data %v", r.SafetyCode, r.TimelineMS.DCOpen, r.Data)
	}
	if err := outcomeOf(t, file); !errors.Is(err, peer.ErrCallEnded) {
		t.Errorf("the file that nobody could get: %v", err)
	}
}

func (w *talker) setAnswerFor(offer protocol.CallData) {
	w.t.Helper()
	w.say(protocol.CallData{Description: w.answer(offer.Description)})
}

func TestByeOnCtl(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.Duration = -1
	left := events(&cfg, peer.EventPeerLeft)
	bot, w := listening(t, s, &cfg)
	w.tell(ctl.Bye{Final: true})
	checkOutcome(t, bot.Wait(), peer.NoMedia, "neither video nor audio") // it was connected, but the page sent nothing
	if e := next(t, "the event", left); e.Reason != string(protocol.ReasonLeft) {
		t.Errorf("left for reason %q", e.Reason)
	}
}

// A page that goes away without hanging up may return: with a new connection, the
// call goes on; without, it ends after 4 seconds.
func TestPageMayReturn(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.Duration = -1
	left := events(&cfg, peer.EventPeerLeft)
	bot, w := listening(t, s, &cfg)
	w.tell(ctl.Bye{Final: false})
	if e := next(t, "the event", left); e.Reason != "may return" {
		t.Errorf("left for reason %q", e.Reason)
	}
	w.build(2)
	w.say(protocol.CallData{Description: w.offer()})
	w.sayCandidates()
	w.setRemote(w.hearDescription("answer").Description)
	await(t, "second connection", w.connected)
	await(t, "the channel", w.opened)
	if _, ok := w.told().(ctl.Hello); !ok {
		t.Error("no hello on the second connection")
	}
	stillThere(t, bot)
	w.tell(ctl.Hello{V: 1})
	start := time.Now()
	w.tell(ctl.Bye{Final: false})
	checkOutcome(t, bot.Wait(), peer.NoMedia, "neither video nor audio")
	if took := time.Since(start); took < 3900*time.Millisecond {
		t.Errorf("it ended after %v", took)
	}
}

// The bot says that it hangs up.
func TestBotSaysBye(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	bot.Hangup()
	if bye, ok := w.told().(ctl.Bye); !ok || !bye.Final {
		t.Errorf("told %#v", bye)
	}
}

// A page whose messages for the safety code break the rules gets a warning, and never
// a code.
func TestSafetyWarning(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"malformed":  `{"type":"nonce","nonce":"00"}`,
		"wrong role": `{"type":"commit","hash":"` + strings.Repeat("0", 64) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			cfg := s.listener(t)
			warnings, codes := events(&cfg, peer.EventSafetyWarning), events(&cfg, peer.EventSafetyCode)
			bot, w := listening(t, s, &cfg)
			w.tell(fault)
			if e := next(t, "the warning", warnings); e.Reason == "" {
				t.Error("no reason")
			}
			w.tell(ctl.Nonce{})
			w.tell(ctl.Ping{})
			if _, ok := w.told().(ctl.Pong); !ok {
				t.Error("the exchange went on")
			}
			bot.Hangup()
			if r := bot.Wait(); r.SafetyCode != nil || len(codes) != 0 {
				t.Errorf("code %v", r.SafetyCode)
			}
		})
	}
}

// The page's connection to the server is gone for good, and then the bot's, too. An
// offer on ctl is answered there. An offer that also comes through the server, before
// or after, is applied once.
func TestNegotiationOnCtl(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.Duration = -1
	lost := events(&cfg, peer.EventSignalingLost)
	bot, w := listening(t, s, &cfg)
	offer := w.offer()
	w.signal(protocol.CallData{Call: 1, Description: offer})
	first := w.toldDescription()
	if first.Call != 1 || first.Description.Type != "answer" || first.Ctl {
		t.Fatalf("told %+v", first)
	}
	w.say(protocol.CallData{Description: offer})
	second := w.hearDescription("answer")
	if origin(second.Description) != origin(first.Description) || !second.Ctl {
		t.Errorf("the second answer is another one: %+v", second)
	}
	w.setRemote(first.Description)

	w.signal(protocol.CallData{Call: 1, Renegotiate: true})
	asked := w.toldDescription()
	if asked.Description.Type != "offer" {
		t.Fatalf("told %+v", asked)
	}
	s.kill(t)
	next(t, "the loss of the server", lost)
	if again := w.toldDescription(); origin(again.Description) != origin(asked.Description) { // the offer without an answer
		t.Errorf("told %+v", again)
	}
	w.signal(protocol.CallData{Call: 1, Description: w.answer(asked.Description)})

	w.signal(protocol.CallData{Call: 1, Description: w.offer()})
	w.setRemote(w.toldDescription().Description)
	stillThere(t, bot)
}

// origin returns the line of a description that says which one it is (RFC 8866,
// section 5.2).
func origin(d *protocol.Description) string {
	for line := range strings.Lines(d.SDP) {
		if strings.HasPrefix(line, "o=") {
			return line
		}
	}
	return ""
}
