//go:build linux

package netlab

import (
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain fails the run when the thread of a namespace outlives its lab.
func TestMain(m *testing.M) {
	os.Exit(leak.Check(m, "callbox/e2e/netlab")) //nolint:forbidigo // TestMain has no other way to fail
}
