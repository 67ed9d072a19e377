package scenario_test

import (
	"flag"
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain fails the run when a goroutine outlives the tests.
func TestMain(m *testing.M) {
	flag.Parse()
	// Calls mostly wait, so several run in parallel.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(leak.Check(m, "callbox/", "github.com/pion")) //nolint:forbidigo // TestMain has no other way to fail
}
