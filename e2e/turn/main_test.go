package turn_test

import (
	"flag"
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain runs up to 16 tests at once, because most wait for slow programs of other
// projects.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(leak.Check(m, "callbox/turnserver", "pion/turn")) //nolint:forbidigo // TestMain has no other way to fail
}
