package browser_test

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run when a goroutine of a browser's outlives it.
func TestMain(m *testing.M) {
	if m.Run() != 0 {
		return
	}
	deadline := time.Now().Add(10 * time.Second)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for ; ; <-poll.C {
		stacks := make([]byte, 4<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		_, others, _ := strings.Cut(string(stacks), "\n\n") // the first is this one
		if !strings.Contains(others, "callbox/e2e/") {
			return
		}
		if time.Now().After(deadline) {
			panic("goroutines outlive the tests:\n" + others)
		}
	}
}
