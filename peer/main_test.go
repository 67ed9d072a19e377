package peer_test

import (
	"flag"
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain fails the run when a goroutine of a call outlives the tests.
func TestMain(m *testing.M) {
	flag.Parse()
	// Calls mostly wait, so more of them run in parallel than there are processors.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(leak.Check(m, "callbox/", "github.com/pion")) //nolint:forbidigo // TestMain has no other way to fail
}
