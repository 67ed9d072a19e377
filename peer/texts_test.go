package peer_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"callbox/peer"
	"callbox/peer/ctl"
)

// Texts that are said at any time arrive at the other side, in order, and in no log.
func TestTexts(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	var log logged
	a.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.Logger = a.Logger
	atA, atB := events(&a, peer.EventText), events(&b, peer.EventText)
	first := join(t, a)
	say := func(c *peer.Call, text string) {
		if err := c.Say(text); err != nil {
			t.Fatal(err)
		}
	}
	say(first, "confidential one") // nobody is there yet
	second := join(t, b)
	say(first, "confidential two")
	say(second, "confidential\tthree\n")
	for _, want := range []string{"confidential one", "confidential two"} {
		if e := next(t, "a text at the second", atB); e.Text != want || e.Name != "Ann" {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	if e := next(t, "a text at the first", atA); e.Text != "confidential\tthree\n" || e.Name != "Bo" {
		t.Errorf("%+v", e)
	}
	first.Hangup()
	if r := first.Wait(); r.Data == nil || r.Data.Texts != 1 {
		t.Errorf("reported %+v", r.Data)
	}
	second.Wait()
	if !strings.Contains(log.String(), "ICE") || strings.Contains(log.String(), "confidential") {
		t.Error("a text is in the log, or the log is empty")
	}
}

func TestTextsThatCannotBeSaid(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	c := join(t, s.bot(t, "Ann"))
	for _, text := range []string{"\x07", strings.Repeat("x", 4001), strings.Repeat("\u2028", 3000)} {
		if err, ok := errors.AsType[*ctl.Error](c.Say(text)); !ok {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	for range 64 {
		if err := c.Say("x"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.SendFile(fileOf(1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Say("x"); !errors.Is(err, peer.ErrOutboxFull) {
		t.Errorf("one more: %v", err)
	}
	if _, err := c.SendFile(fileOf(1)); !errors.Is(err, peer.ErrOutboxFull) {
		t.Errorf("one more file: %v", err)
	}
	c.Hangup()
	c.Wait()
	if err := c.Say("x"); !errors.Is(err, peer.ErrCallEnded) {
		t.Errorf("after the call: %v", err)
	}
	if _, err := c.SendFile(fileOf(1)); !errors.Is(err, peer.ErrCallEnded) {
		t.Errorf("after the call: %v", err)
	}
}

// A text without its confirmation is said again on the next connection, and one that
// comes twice is confirmed twice and reported once.
func TestTextIsRepeated(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	texts := events(&cfg, peer.EventText)
	bot, w := listening(t, s, &cfg)
	if err := bot.Say("hello"); err != nil {
		t.Fatal(err)
	}
	said, ok := w.told().(ctl.Chat)
	if !ok || said.ID != 1 || said.Text != "hello" || said.At == 0 {
		t.Fatalf("told %+v", said)
	}
	w.tell(ctl.Chat{ID: 2, Text: "hi"})
	w.tell(ctl.Chat{ID: 2, Text: "hi"})
	w.tell(ctl.Chat{ID: 4, Text: "<b>"})
	for _, id := range []uint32{2, 2, 4} {
		if got := w.told(); got != (ctl.Got{ID: id}) {
			t.Errorf("told %+v, want got %d", got, id)
		}
	}
	bot.Rebuild()
	w.answerAgain(2)
	if again := w.toldAbout(); again != said {
		t.Errorf("repeated %+v", again)
	}
	for _, want := range []string{"hi", "<b>"} {
		if e := next(t, "a text", texts); e.Text != want {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	if len(texts) != 0 {
		t.Errorf("reported %+v, too", <-texts)
	}
}

// answerAgain answers a new connection of the bot and says hello there.
func (w *talker) answerAgain(number int) {
	w.t.Helper()
	w.answerCall(number)
	await(w.t, "the channel", w.opened)
	if _, ok := w.told().(ctl.Hello); !ok {
		w.t.Fatal("no hello")
	}
	w.tell(ctl.Hello{V: 1})
}

// toldAbout returns the next message of the bot that is about texts or files.
func (w *talker) toldAbout() ctl.Message {
	w.t.Helper()
	for {
		switch m := w.told().(type) {
		case ctl.State, ctl.Commit, ctl.Nonce, ctl.Reveal, ctl.Ping, ctl.Signal:
		default:
			return m
		}
	}
}
