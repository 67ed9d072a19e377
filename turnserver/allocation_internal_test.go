package turnserver

import (
	"testing"
	"testing/synctest"
	"time"
)

// Pion's timer begins a moment before the one that is recorded, so an allocation may expire a
// moment early.
func TestExpiryIsAReasonAMomentEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &allocation{endpoint: &endpoint{server: &Server{}, protocol: UDP, control: newControl()}}
		a.setLifetime(10 * time.Minute)
		if got := a.endReason(); got != endFailed {
			t.Errorf("long before it expires: %s", got)
		}
		time.Sleep(10*time.Minute - 5*time.Millisecond) //nolint:forbidigo // of the bubble's clock
		if got := a.endReason(); got != endExpired {
			t.Errorf("a moment before it expires: %s", got)
		}
	})
}
