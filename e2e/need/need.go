// Package need decides, for all system tests, what happens when the machine lacks
// something that a test needs.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Missing ends the test because the machine lacks what it needs. The test is
// skipped, or it fails where CI=true says that everything must run.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s needs %s", tb.Name(), what)
	}
	tb.Skipf("%s needs %s", tb.Name(), what)
}

// Root ends the test unless it runs as root.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Missing(tb, "root")
	}
}

// Program ends the test unless all these programs are installed.
func Program(tb testing.TB, names ...string) {
	tb.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Missing(tb, name+" (make deps installs it)")
		}
	}
}
