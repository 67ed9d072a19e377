package datapath

import (
	"runtime"
	"testing"
)

// The paths of a process add to its own processors, not to those that others have added, and
// take back what they have added in any order.
func TestSpareProcessors(t *testing.T) {
	own := runtime.GOMAXPROCS(0)
	var a, b extraProcs
	check := func(after string, want int) {
		t.Helper()
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("%s: %d processors, want %d", after, got, want)
		}
		if got := ownProcs(); got != own {
			t.Errorf("%s: %d are the process's own, want %d", after, got, own)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"nothing", func() {}, own},
		{"one adds", func() { a.add(ownProcs()) }, 2 * own},
		{"the other adds", func() { b.add(ownProcs()) }, 3 * own},
		{"again", func() { a.add(own); b.add(own) }, 3 * own},
		{"somebody takes them", func() { runtime.GOMAXPROCS(own) }, own},
		{"and they are added", func() { b.add(own) }, 3 * own},
		{"the first leaves", a.remove, 2 * own},
		{"the second is still there", func() { b.add(own) }, 2 * own},
		{"it leaves", b.remove, own},
		{"both have left before", func() { a.remove(); b.remove() }, own},
	} {
		step.do()
		check(step.name, step.want)
	}
}
