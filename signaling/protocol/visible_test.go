package protocol_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"callbox/signaling/protocol"
)

// TestNamesShowWhatTheyAre reads the samples of names; shown is what others are
// told.
func TestNamesShowWhatTheyAre(t *testing.T) {
	text, err := os.ReadFile("testdata/names/names.json")
	if err != nil {
		t.Fatal(err)
	}
	var samples []struct{ Name, Shown string }
	if err := json.Unmarshal(text, &samples); err != nil || len(samples) < 50 {
		t.Fatal(len(samples), err)
	}
	for _, s := range samples {
		if got := protocol.VisibleName(s.Name); got != s.Shown {
			t.Errorf("%+q is shown as %+q, want %+q", s.Name, got, s.Shown)
		}
		if again := protocol.VisibleName(s.Shown); again != s.Shown {
			t.Errorf("%+q is shown as %+q the second time", s.Shown, again)
		}
	}
}

func TestWhatCannotBeSeenIsInNoRoomAndNoEvent(t *testing.T) {
	for _, r := range "\u202e\u2066\u200b\u200c\u200d\ufeff\u2028\u115f\u3164\uffa0\u034f\ufe0f\u180b\u17b4\U000E0041\U000E0100\u00ad" {
		if room, err := protocol.CanonicalRoom("a"+string(r)+"b", 64); err == nil || strings.Contains(err.Error(), string(r)) {
			t.Errorf("room %+q: %q, %v", r, room, err)
		}
		if protocol.CheckEventName("a"+string(r)+"b") == nil {
			t.Errorf("event with %+q is taken", r)
		}
	}
}
