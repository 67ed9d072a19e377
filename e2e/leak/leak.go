// Package leak finds goroutines that outlive the tests of a package.
package leak

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	patience   = 10 * time.Second
	pollEvery  = 2 * time.Millisecond
	stackBytes = 4 << 20
)

// Check runs the tests of m and returns the exit code for the process. If the tests
// pass, and goroutines outlive them whose stacks contain one of code, it writes
// their stacks to standard error and returns 1. code are package paths or parts of
// them.
func Check(m *testing.M, code ...string) int {
	exit := m.Run()
	if exit != 0 {
		return exit
	}
	if left := Left(code...); left != "" {
		fmt.Fprintln(os.Stderr, "goroutines outlive the tests:\n"+left)
		return 1
	}
	return 0
}

// Left returns the stacks of the goroutines, except for the caller's, that contain
// one of code; "" if there are none. It gives goroutines that are about to end 10 s
// to do so.
func Left(code ...string) string {
	deadline := time.Now().Add(patience)
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for ; ; <-poll.C {
		left := running(code)
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}

func running(code []string) []string {
	stacks := make([]byte, stackBytes)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var found []string
	for _, stack := range strings.Split(string(stacks), "\n\n")[1:] { // the first is the caller's
		if isPions(stack) {
			continue
		}
		for _, part := range code {
			if strings.Contains(stack, part) {
				found = append(found, stack)
				break
			}
		}
	}
	return found
}

// isPions reports whether a stack is that of a goroutine that Pion itself leaks. When a
// connection is closed just as its DTLS handshake ends, DTLSTransport.startSRTP drops the
// SRTP session that it has started. The session's goroutine then blocks on the first packet,
// because nothing accepts the stream. This hides no connection that a test forgot to close:
// that one has many other goroutines.
func isPions(stack string) bool {
	head, _, _ := strings.Cut(stack, "\n")
	return strings.Contains(head, "[chan send") && strings.Contains(stack, "srtp/v3.(*SessionSRTP).decrypt")
}
