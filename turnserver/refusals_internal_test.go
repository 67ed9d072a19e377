package turnserver

import (
	"net/netip"
	"testing"
	"time"
)

// TestRefusalsAreToldEveryMinute counts the refusals between two lines.
func TestRefusalsAreToldEveryMinute(t *testing.T) {
	var f refusals
	kind, now := refusalKind{codeFamilyNotSupported, ""}, time.Unix(1700000000, 0)
	for i, want := range []int{1, 0, 0} {
		if got := f.add(kind, now); got != want {
			t.Errorf("number %d: %d told, want %d", i+1, got, want)
		}
	}
	if got := f.add(refusalKind{codeFamilyNotSupported, "another"}, now); got != 1 {
		t.Errorf("another cause: %d", got)
	}
	if got := f.add(kind, now.Add(logRefusalEvery)); got != 3 {
		t.Errorf("a minute later: %d told, want 3", got)
	}
	if got := f.load(); got[codeFamilyNotSupported] != 5 || got[codeForbidden] != 0 || len(got) != 13 {
		t.Errorf("counted %v", got)
	}
}

// TestGuessesAreBounded checks that what is remembered of guessing is bounded and forgotten with time,
// and that an IPv6 client counts by its network.
func TestGuessesAreBounded(t *testing.T) {
	var g guesses
	now := time.Unix(1700000000, 0)
	address := netip.MustParseAddr("2001:db8::1")
	for i := range wrongPasswords {
		if g.tooMany(address, "ann", now) {
			t.Fatalf("too many after %d", i)
		}
		g.add(address, "ann", now)
	}
	for text, want := range map[string]bool{"2001:db8::1": true, "2001:db8::ffff:2": true, "2001:db8:0:1::1": false, "192.0.2.1": false} {
		if got := g.tooMany(netip.MustParseAddr(text), "ann", now); got != want {
			t.Errorf("%s: too many %v, want %v", text, got, want)
		}
	}
	if g.tooMany(address, "bo", now) || g.tooMany(address, "ann", now.Add(wrongPasswordEvery)) {
		t.Error("another name, or a later time, is refused")
	}
	for i := range 2 * maxGuesses {
		g.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "ann", now)
	}
	if len(g.paid) > maxGuesses {
		t.Errorf("%d are remembered, want at most %d", len(g.paid), maxGuesses)
	}
	g.add(address, "bo", now.Add(time.Hour))
	if len(g.paid) != 1 {
		t.Errorf("%d are remembered an hour later, want 1", len(g.paid))
	}
}
