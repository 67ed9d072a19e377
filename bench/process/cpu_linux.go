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

// AllCPU returns the time that everything on this machine has used of the
// processors, in ticks of 10 ms, with what a host took away from it (the first
// line of proc_stat(5)).
func AllCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 {
		return 0, errors.New("/proc/stat does not begin with all processors")
	}
	total := 0
	for i, field := range fields[1:9] {
		ticks, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 { // idle, and waiting for a disk
			total += ticks
		}
	}
	return time.Duration(total) * 10 * time.Millisecond, nil
}
