package ctl

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Texts arrive once and in order, although connections break and take texts and
// confirmations with them.
func TestChatsAreShownOnce(t *testing.T) {
	t.Parallel()
	impolite, polite := NewChats(false), NewChats(true)
	var shown []string
	arrive := func(c Chat) Got {
		answer, isNew := polite.Receive(c)
		if isNew {
			shown = append(shown, c.Text)
		}
		return answer
	}
	say := func(text string) Chat {
		c, err := impolite.Say(text, time.UnixMilli(1_780_000_000_000))
		if err != nil || c.At != 1_780_000_000_000 {
			t.Fatalf("%+v, %v", c, err)
		}
		return c
	}
	a, b := say("a"), say("b")
	say("c") // is lost
	impolite.Confirm(arrive(a))
	arrive(b) // the confirmation is lost
	if repeated := impolite.Repeat(); len(repeated) != 2 || repeated[0] != b || repeated[1].Text != "c" {
		t.Fatalf("repeated %+v", repeated)
	}
	for _, c := range slices.Clone(impolite.Repeat()) {
		if answer := arrive(c); answer.ID != c.ID {
			t.Errorf("%+v was confirmed as %d", c, answer.ID)
		} else {
			impolite.Confirm(answer)
		}
	}
	impolite.Confirm(arrive(say("d")))
	if !slices.Equal(shown, []string{"a", "b", "c", "d"}) || len(impolite.Repeat()) != 0 {
		t.Errorf("shown %q, unconfirmed %v", shown, impolite.Repeat())
	}
}

func TestChatIDs(t *testing.T) {
	t.Parallel()
	for _, polite := range []bool{false, true} {
		c := NewChats(polite)
		first, _ := c.Say("", time.Time{})
		second, _ := c.Say("", time.Time{})
		if first.ID%2 == 0 != polite || second.ID != first.ID+2 || first.At != 0 {
			t.Errorf("polite %v: %+v, %+v", polite, first, second)
		}
	}
}

func TestChatsThatCannotBeSaid(t *testing.T) {
	t.Parallel()
	c := NewChats(false)
	if _, err := c.Say("\x00", time.Time{}); err == nil {
		t.Error("a text with a control character was said")
	}
	for range maxUnconfirmed {
		if _, err := c.Say("", time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Say("", time.Time{}); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("one more: %v", err)
	}
	c.Confirm(Got{ID: 1})
	if m, err := c.Say("", time.Time{}); err != nil || m.ID != 2*maxUnconfirmed+1 {
		t.Errorf("after a confirmation: %+v, %v", m, err)
	}
}
