package peer_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run when a goroutine of a call outlives the tests.
func TestMain(m *testing.M) {
	flag.Parse()
	// Calls wait more than they compute: more of them at once than processors.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	code := m.Run()
	if code == 0 {
		if left := leaked(); left != "" {
			fmt.Fprintln(os.Stderr, "goroutines outlive the tests:\n"+left)
			code = 1
		}
	}
	os.Exit(code) //nolint:forbidigo // TestMain has no other way to fail
}

// leaked returns the stacks of goroutines that run this module's or Pion's
// code, after giving those that are about to end time for it.
func leaked() string {
	deadline := time.Now().Add(10 * time.Second)
	for {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for _, stack := range strings.Split(string(buf), "\n\n")[1:] {
			if strings.Contains(stack, "callbox/") || strings.Contains(stack, "github.com/pion") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}
