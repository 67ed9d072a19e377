package peer_test

import (
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/ctl"
	"callbox/signaling/protocol"
)

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
