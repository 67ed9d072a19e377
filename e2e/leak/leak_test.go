package leak

import (
	"strings"
	"testing"
)

func TestRunning(t *testing.T) {
	hold, begun, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		close(begun)
		<-hold
	}()
	<-begun
	if found := running([]string{"callbox/e2e/leak"}); !strings.Contains(strings.Join(found, "\n"), "TestRunning.func") {
		t.Errorf("the waiting goroutine is not found: %q", found)
	}
	if found := running([]string{"callbox/another"}); len(found) != 0 {
		t.Errorf("found goroutines of other code: %q", found)
	}
	close(hold)
	<-ended
	if left := Left("leak.TestRunning.func"); left != "" {
		t.Errorf("found a goroutine that has ended:\n%s", left)
	}
}

func TestPions(t *testing.T) {
	const stack = "goroutine 7 [chan send]:\ngithub.com/pion/srtp/v3.(*SessionSRTP).decrypt(0x1)\n\tsession_srtp.go:229 +0x4c7"
	for text, want := range map[string]bool{
		stack: true,
		strings.Replace(stack, "chan send", "select", 1):    false,
		strings.Replace(stack, "SessionSRTP", "Session", 1): false,
	} {
		if isPions(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}
