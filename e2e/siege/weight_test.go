package siege

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"callbox/e2e/need"
)

// weights are the files that set the CPU weight of a cgroup, for both versions of
// cgroups, and a value that is a quarter of the default.
var weights = []struct{ root, file, value string }{
	{"/sys/fs/cgroup", "cpu.weight", "25"},
	{"/sys/fs/cgroup/cpu", "cpu.shares", "256"},
}

const (
	niceQuarter = 6 // a niceness with about a quarter of the weight
	groupPrefix = "callbox-siege-"
)

// weightReducer returns a function that gives a process a quarter of the default CPU
// weight: by a cgroup that all such processes share, or else by its niceness.
func weightReducer(t *testing.T) func(pid int) error {
	t.Helper()
	for _, w := range weights {
		if dir, ok := makeGroup(t, w.root, w.file, w.value); ok {
			return func(pid int) error {
				return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600)
			}
		}
	}
	t.Log("there is no cgroup controller for the CPU: attackers get a higher niceness")
	return func(pid int) error {
		// With autogroups (sched(7)), the niceness of the session's group counts.
		err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(niceQuarter)), 0o600)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, syscall.Setpriority(syscall.PRIO_PROCESS, pid, niceQuarter))
	}
}

// makeGroup makes a cgroup with that weight, until the test ends.
func makeGroup(t *testing.T, root, file, value string) (dir string, ok bool) {
	t.Helper()
	sweep(root)
	dir = filepath.Join(root, groupPrefix+strconv.Itoa(os.Getpid()))
	if os.Mkdir(dir, 0o755) != nil {
		return "", false
	}
	// In version 2, the parent must enable the controller for its children.
	if _, err := os.Stat(filepath.Join(root, "cgroup.subtree_control")); err == nil {
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+cpu"), 0o600)
	}
	if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
		ok = os.WriteFile(filepath.Join(dir, file), []byte(value), 0o600) == nil
	}
	if !ok {
		_ = os.Remove(dir)
		return "", false
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

// sweep removes the cgroups of test processes that were killed.
func sweep(root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, groupPrefix+"*"))
	for _, dir := range dirs {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), groupPrefix))
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.Remove(dir)
		}
	}
}

// TestWeightReducer checks that a process has the cgroup or the niceness.
func TestWeightReducer(t *testing.T) {
	need.Root(t)
	reduce := weightReducer(t)
	sleep := exec.Command("sleep", "30")
	sleep.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleep.Process.Kill()
		_ = sleep.Wait()
	})
	if err := reduce(sleep.Process.Pid); err != nil {
		t.Fatal(err)
	}
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", sleep.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	nice, err := syscall.Getpriority(syscall.PRIO_PROCESS, sleep.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	// The system call returns 20 minus the niceness.
	if !strings.Contains(string(groups), groupPrefix) && nice != 20-niceQuarter {
		t.Errorf("the process has niceness %d and is in\n%s", 20-nice, groups)
	}
}
