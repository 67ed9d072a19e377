package peer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
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

// talker is a page with the data channels of docs/call.md, under the control of a
// test.
type talker struct {
	*page
	channel, file         *webrtc.DataChannel
	opened, ended, noFile chan struct{}
	heard                 chan string
	recorded              bool // the bot is to say that it records
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

// told returns the next message of the bot on ctl that is no ping.
func (w *talker) told() ctl.Message {
	w.t.Helper()
	for {
		text := next(w.t, "a message on ctl", w.heard)
		m, err := ctl.Decode([]byte(text))
		if err != nil {
			w.t.Fatalf("%v: %s", err, text)
		}
		if _, ok := m.(ctl.Ping); !ok {
			return m
		}
	}
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
	if state, ok := w.told().(ctl.State); !ok || !state.Audio || !state.Video || state.Screen || state.Recording != w.recorded {
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

func stillThere(t *testing.T, bot *peer.Call) {
	t.Helper()
	select {
	case <-bot.Done():
		t.Errorf("the call ended: %s", bot.Wait().Reason)
	default:
	}
}

func (w *talker) setAnswerFor(offer protocol.CallData) {
	w.t.Helper()
	w.say(protocol.CallData{Description: w.answer(offer.Description)})
}
