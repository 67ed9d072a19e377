package need

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// endRecorder is a testing.TB that records how the test was ended.
type endRecorder struct {
	testing.TB
	skipped, failed string
}

func (*endRecorder) Helper()      {}
func (*endRecorder) Name() string { return "TestCall" }

func (v *endRecorder) Skipf(format string, args ...any) {
	v.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *endRecorder) Fatalf(format string, args ...any) {
	v.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// needProgram calls Program in a test of its own.
func needProgram(program string) *endRecorder {
	v := &endRecorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Program(v, program)
	}()
	<-done
	return v
}

func TestMissing(t *testing.T) {
	t.Setenv("CI", "")
	if v := needProgram("a-program-that-nobody-has"); !strings.HasPrefix(v.skipped, "TestCall needs a-program-that-nobody-has") || v.failed != "" {
		t.Errorf("on a developer's machine: %+v, want a skip that names the program", v)
	}
	t.Setenv("CI", "true")
	if v := needProgram("a-program-that-nobody-has"); !strings.HasPrefix(v.failed, "TestCall needs a-program-that-nobody-has") || v.skipped != "" {
		t.Errorf("in CI: %+v, want a failure that names the program", v)
	}
	if v := needProgram("go"); v.skipped != "" || v.failed != "" {
		t.Errorf("with go, which is installed: %+v", v)
	}
}
