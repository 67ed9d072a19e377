package signaling

import (
	"testing"
	"time"
)

func TestBurstIsOverOnce(t *testing.T) {
	var b memoryReleaser
	var now time.Duration
	for i, step := range []struct {
		connections int
		over        bool
	}{
		{0, false},
		{900, false},
		{900, false}, // too few
		{5000, false},
		{9000, false}, // they still come
		{10000, false},
		{10010, true},
		{10010, false}, // told once
		{10900, false},
		{10900, false}, // no quarter more
		{500, false},
		{499, true}, // they are gone
		{499, false},
	} {
		now += 2 * time.Second
		if got := b.due(step.connections, now); got != step.over {
			t.Errorf("step %d, %d connections: %v", i, step.connections, got)
		}
	}
	b = memoryReleaser{releasedAt: now}
	if b.due(5000, now+time.Second) || b.due(5000, now+releasePause-1) || !b.due(5000, now+releasePause) {
		t.Error("want a pause, and then a look")
	}
}
