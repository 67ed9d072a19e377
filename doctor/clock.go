package doctor

import (
	"fmt"
	"time"
)

// clockLeeway is how far a clock may be off, as for tokens.
const clockLeeway = 30 * time.Second

// compareClocks compares the clock of the server, which tells whole seconds, with that of this device.
func compareClocks(server, own time.Time) Finding {
	ahead := own.Sub(server) - time.Second/2 //nolint:mnd // on average the rest of the second
	off := ahead.Abs().Round(time.Second)
	if off <= clockLeeway {
		return good(Clock, "Right.")
	}
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	return fault(Clock, Warn, ClockWrong, fmt.Sprintf("It is %v %s the server's.", off, word),
		"Tokens and certificates may seem expired, or not valid yet.", "Have both systems set the time automatically.")
}
