package peer_test

import (
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

// Without the channel, because the other side never had it or because it was closed, the
// state comes through the server.
func TestRecordingIsReportedThroughTheServer(t *testing.T) {
	t.Parallel()
	for name, marks := range map[string]bool{"no channel": false, "a closed channel": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			cfg := s.bot(t, "bot")
			begun, over := events(&cfg, peer.EventRecording), events(&cfg, peer.EventRecordingOver)
			bot := join(t, cfg)
			w := newTalker(t, s, marks)
			if marks {
				w.greet()
				w.tell(ctl.Chat{ID: 1, Text: "x"}) // so that the bot listens
				w.tell(`{"type":"chat","text":"` + strings.Repeat("x", 65<<10) + `"}`)
				await(t, "the end of the channel", w.ended)
			} else {
				w.answerCall(1)
			}
			await(t, "connection at the bot", bot.Connected())
			for _, state := range []string{`{"state":{"recording":true}}`, `{"state":7}`, `{"state":{"recording":"x"}}`, `{"state":{"audio":true}}`} {
				if _, err := w.client.Post(w.other, json.RawMessage(state)); err != nil {
					t.Fatal(err)
				}
			}
			next(t, "the recording", begun)
			next(t, "its end", over)
			bot.Hangup()
			r := bot.Wait()
			if r.Data == nil || !r.Data.Recorded {
				t.Errorf("reported %+v", r.Data)
			}
			if closed := len(r.Errors) > 0 && r.Errors[0].Stage == peer.StageData && r.Errors[0].Code == "closed"; closed != marks {
				t.Errorf("errors: %+v", r.Errors)
			}
		})
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
