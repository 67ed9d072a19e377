package process

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// mostPID bounds process ids (proc_sys_kernel(5)).
const mostPID = 1 << 22

// CPU returns the time that a process has used of the processors, in all its
// threads and in the kernel on their behalf, to the nanosecond.
func CPU(pid int) (time.Duration, error) {
	if pid < 1 || pid > mostPID {
		return 0, fmt.Errorf("there is no process %d", pid)
	}
	// The clock of a process is named as clock_getcpuclockid(3) does: the
	// complement of its id, and 2 for what the scheduler counts.
	clock := ^int32(pid)<<3 | 2
	var used unix.Timespec
	if err := unix.ClockGettime(clock, &used); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}
