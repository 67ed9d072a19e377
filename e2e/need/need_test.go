package need

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// verdict is a testing.TB that keeps how it was ended.
type verdict struct {
	testing.TB
	skipped, failed string
}

func (*verdict) Helper()      {}
func (*verdict) Name() string { return "TestCall" }

func (v *verdict) Skipf(format string, args ...any) {
	v.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func judge(program string) *verdict {
	v := &verdict{}
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
	if v := judge("a-program-that-nobody-has"); !strings.HasPrefix(v.skipped, "TestCall needs a-program-that-nobody-has") || v.failed != "" {
		t.Errorf("on a developer's machine: %+v, want a skip that says who needs what", v)
	}
	t.Setenv("CI", "true")
	if v := judge("a-program-that-nobody-has"); !strings.HasPrefix(v.failed, "TestCall needs a-program-that-nobody-has") || v.skipped != "" {
		t.Errorf("in CI: %+v, want a failure that says who needs what", v)
	}
	if v := judge("go"); v.skipped != "" || v.failed != "" {
		t.Errorf("go is installed, yet %+v", v)
	}
}
