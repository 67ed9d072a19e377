package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// mostPID is the upper limit of process ids (proc_sys_kernel(5)).
const mostPID = 1 << 22

// CPU returns the CPU time of a process, user and system, of all its threads, with a
// resolution of a nanosecond.
func CPU(pid int) (time.Duration, error) {
	if pid < 1 || pid > mostPID {
		return 0, fmt.Errorf("%d is no process id", pid)
	}
	// The clock id of a process, as clock_getcpuclockid(3) makes it: the complement of
	// the process id, shifted, and 2 for the scheduler's clock.
	clock := ^int32(pid)<<3 | 2
	var used unix.Timespec
	if err := unix.ClockGettime(clock, &used); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// AllCPU returns the CPU time that everything on this machine has used, and that its host
// has stolen, with a resolution of 10 ms (the first line of proc_stat(5)).
func AllCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 {
		return 0, errors.New("/proc/stat does not start with the line for all processors")
	}
	total := 0
	for i, field := range fields[1:9] {
		ticks, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 { // idle and iowait
			total += ticks
		}
	}
	return time.Duration(total) * 10 * time.Millisecond, nil
}
