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
