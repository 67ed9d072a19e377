package client_test

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run when a goroutine of this module outlives the tests.
func TestMain(m *testing.M) {
	if m.Run() != 0 {
		return
	}
	if left := leaked(); left != "" {
		panic("goroutines outlive the tests:\n" + left)
	}
}

// leaked returns the stacks of goroutines that run this module's code, after
// giving those that are about to end time for it.
func leaked() string {
	deadline := time.Now().Add(10 * time.Second)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for ; ; <-poll.C {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for _, stack := range strings.Split(string(buf), "\n\n")[1:] {
			if strings.Contains(stack, "callbox/") || strings.Contains(stack, "gorilla/websocket") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}
