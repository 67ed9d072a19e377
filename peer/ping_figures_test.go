package peer

import (
	"testing"
	"time"

	"callbox/peer/ctl"
)

// Whoever never answers may not know pings, so nothing is known about lost ones.
func TestPingFigures(t *testing.T) {
	t.Parallel()
	var f pingFigures
	if f.report(false) != nil {
		t.Error("figures without a ping")
	}
	f.sent = 3
	if r := f.report(true); r.Sent != 3 || r.Lost != nil || r.RTTMS != nil {
		t.Errorf("without an answer: %+v", r)
	}
	now := time.Now()
	f.note(now, now.Add(5*time.Millisecond), ctl.Pong{N: 2, R: uint64(now.UnixMilli())})
	if r := f.report(true); *r.Lost != 1 || r.RTTMS.Max != 5 {
		t.Errorf("with one answer: %+v", r)
	}
	if r := f.report(false); *r.Lost != 2 {
		t.Errorf("with none under way: %+v", r)
	}
	f.note(now, now.Add(time.Millisecond), ctl.Pong{N: 3, R: 1<<64 - 1}) // nonsense does no harm
}
