package process

import (
	"os"
	"testing"
	"time"
)

func TestCPU(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil || before <= 0 {
		t.Fatalf("used %v, %v", before, err)
	}
	all, err := AllCPU()
	if err != nil || all <= 0 {
		t.Fatalf("all used %v, %v", all, err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		now, err := CPU(os.Getpid())
		everything, err2 := AllCPU()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if now > before && everything > all {
			return
		}
	}
	t.Error("half a minute of work used no CPU time")
}

func TestCPUOfNobody(t *testing.T) {
	for _, pid := range []int{-1, 0, mostPID, 1 << 30} {
		if used, err := CPU(pid); err == nil {
			t.Errorf("process %d, which does not exist, has used %v", pid, used)
		}
	}
}

func TestResident(t *testing.T) {
	now, most, err := Resident(os.Getpid())
	if err != nil || now < 1<<20 || most < now {
		t.Errorf("resident memory is %d, its peak %d, %v", now, most, err)
	}
	if _, _, err := Resident(1 << 30); err == nil {
		t.Error("a process that does not exist has memory")
	}
}
