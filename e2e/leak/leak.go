// Package leak finds, for the tests of all packages, goroutines that outlive
// them.
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

// Check runs the tests of m and returns the exit code for the process: 1, with
// the stacks on standard error, when goroutines whose stack has one of code in
// it outlive tests that passed. code are package paths or parts of them.
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

// Left returns the stacks of goroutines other than the caller's that have one of
// code in them, after giving those that are about to end time for it; "" when
// there are none.
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
		for _, part := range code {
			if strings.Contains(stack, part) {
				found = append(found, stack)
				break
			}
		}
	}
	return found
}
