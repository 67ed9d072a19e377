package whep_test

import (
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain fails the run when a goroutine of a call outlives the tests.
func TestMain(m *testing.M) {
	os.Exit(leak.Check(m, "callbox/", "github.com/pion")) //nolint:forbidigo // TestMain has no other way to fail
}
