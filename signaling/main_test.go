package signaling_test

import (
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain fails the run when a goroutine of a connection outlives the tests.
func TestMain(m *testing.M) {
	os.Exit(leak.Check(m, "callbox/", "gorilla/websocket")) //nolint:forbidigo // TestMain has no other way to fail
}
