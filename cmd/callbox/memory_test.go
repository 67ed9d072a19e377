package main

import (
	"strings"
	"syscall"
	"testing"
)

func TestMemoryBudget(t *testing.T) {
	size := func(n byteSize) *byteSize { return &n }
	for _, test := range []struct {
		flag  *byteSize
		want  int64
		fault string
	}{
		{size(0), 0, ""},
		{size(500_000_000), 500_000_000, ""},
		{size(1_000_000), 1_000_000, "--memory: 1000000 bytes are too few"},
	} {
		var faults faults
		got := (&turnLimits{Memory: test.flag}).parseMemory(&faults)
		if got.bytes != test.want || !got.known {
			t.Errorf("--memory %d: %+v", *test.flag, got)
		}
		if (test.fault == "") != (len(faults) == 0) || len(faults) > 0 && !strings.Contains(faults.err().Error(), test.fault) {
			t.Errorf("--memory %d: faults %v, want %q", *test.flag, faults, test.fault)
		}
	}
}

// TestMemoryOfTheProcess checks that the default is less than what the process may use.
func TestMemoryOfTheProcess(t *testing.T) {
	available, ok := availableMemory()
	if !ok || available < 1<<20 {
		t.Fatalf("available memory: %d, %v", available, ok)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		t.Fatal(err)
	}
	lower := limit
	lower.Cur = uint64(available / 2)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &lower); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) })
	if got, _ := availableMemory(); got != available/2 {
		t.Errorf("available memory under a limit of %d: %d", available/2, got)
	}
	var faults faults
	if got := (&turnLimits{}).parseMemory(&faults); got.bytes != available/2/8*3 || len(faults) > 0 {
		t.Errorf("budget = %+v, faults %v", got, faults)
	}
}
