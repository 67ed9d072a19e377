package turn_test

import (
	"flag"
	"os"
	"testing"

	"callbox/e2e/leak"
)

// TestMain lets many tests wait at once: most of them wait for programs of
// others, which take their time.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(leak.Check(m, "callbox/turnserver", "pion/turn")) //nolint:forbidigo // TestMain has no other way to fail
}
