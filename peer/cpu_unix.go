//go:build unix

package peer

import (
	"syscall"
	"time"
)

// cpuTime returns the user and system time of this process; false = unknown.
func cpuTime() (time.Duration, bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
