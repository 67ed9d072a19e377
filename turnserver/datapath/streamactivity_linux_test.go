package datapath

import "testing"

// One round in two is too little to change busy or idle; more than that changes them.
func TestBeside(t *testing.T) {
	t.Parallel()
	var b streamActivity
	streamed := uint64(0)
	rounds := func(pattern string) {
		for _, with := range pattern {
			if with == 's' {
				streamed += 2
			}
			b.endRound(streamed)
		}
	}
	for _, step := range []struct {
		pattern       string
		times         int
		seldom, often bool
	}{
		{"u", 3, true, false},
		{"s", 1, false, false},
		{"su", 100, false, false},
		{"u", 1, true, false},
		{"suu", 100, true, false},
		{"s", 15, false, false},
		{"s", 1, false, true},
		{"s", 1000, false, true},
		{"us", 100, false, true},
		{"u", 15, false, false},
		{"u", 1, true, false},
		{"ssu", 15, false, false},
		{"s", 1, false, true},
	} {
		for range step.times {
			rounds(step.pattern)
		}
		if b.idle() != step.seldom || b.busy() != step.often {
			t.Fatalf("after %d times %q: seldom %v, often %v", step.times, step.pattern, b.idle(), b.busy())
		}
	}
}
