package browser_test

import (
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain fails the run when a goroutine of this package outlives the tests.
func TestMain(m *testing.M) {
	os.Exit(leak.Check(m, "callbox/e2e/browser")) //nolint:forbidigo // TestMain has no other way to fail
}
