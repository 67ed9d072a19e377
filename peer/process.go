package peer

import (
	"runtime"
	"time"
)

// Process is what the call cost this process.
type Process struct {
	CPUSeconds *float64 `json:"cpu_s"`  // user and system time, from Join to the end
	RSSMB      *float64 `json:"rss_mb"` // resident memory at the end of the call, in 10^6 bytes
	// GoroutinesLeft is how many more goroutines there were after the call than before it.
	GoroutinesLeft int64 `json:"goroutines_left"`
}

// goroutinePatience is how long goroutines that are about to end may take.
const goroutinePatience = time.Second

// usage is what the process had used before the call; nil = not measured.
type usage struct {
	cpu        time.Duration
	cpuKnown   bool
	goroutines int
}

func measureUsage() *usage {
	cpu, ok := cpuTime()
	return &usage{cpu: cpu, cpuKnown: ok, goroutines: runtime.NumGoroutine()}
}

// since returns the cost since u, except the goroutines.
func (u *usage) since() *Process {
	p := &Process{}
	if cpu, ok := cpuTime(); ok && u.cpuKnown {
		seconds := rounded((cpu - u.cpu).Seconds())
		p.CPUSeconds = &seconds
	}
	if bytes, ok := residentBytes(); ok {
		mb := rounded(float64(bytes) / 1e6)
		p.RSSMB = &mb
	}
	return p
}

// left returns how many goroutines there are beyond those before the call and the extra
// ones that still have to run. It waits for those that are about to end.
func (u *usage) left(extra int) int64 {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for until := time.Now().Add(goroutinePatience); ; <-poll.C {
		more := runtime.NumGoroutine() - u.goroutines - extra
		if more <= 0 || time.Now().After(until) {
			return int64(max(0, more))
		}
	}
}

// ProcessUsage is what a process has used. What is unknown on this system is 0.
type ProcessUsage struct {
	CPU      time.Duration // user and system time
	Resident int64         // memory in bytes
}

// MeasureProcess returns what this process has used until now.
func MeasureProcess() ProcessUsage {
	cpu, _ := cpuTime()
	resident, _ := residentBytes()
	return ProcessUsage{CPU: cpu, Resident: resident}
}
