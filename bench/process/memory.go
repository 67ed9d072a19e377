package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Resident returns the resident memory of a process and its peak, in bytes (VmRSS and
// VmHWM of proc_pid_status(5)).
func Resident(pid int) (now, most int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = kilobytes(text, "VmRSS:"); err != nil {
		return 0, 0, err
	}
	most, err = kilobytes(text, "VmHWM:")
	return now, most, err
}

func kilobytes(status []byte, key string) (int, error) {
	_, rest, _ := bytes.Cut(status, []byte("\n"+key))
	value, _, _ := bytes.Cut(rest, []byte("kB"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
	return n << 10, err
}
