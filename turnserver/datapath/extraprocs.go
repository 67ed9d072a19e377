package datapath

import (
	"runtime"
	"sync"
)

// procs are the processors of the process in the scheduler's sense (GOMAXPROCS): its own,
// and those that paths have added for their engines to block with.
var processors struct { //nolint:gochecknoglobals // they are the process's
	sync.Mutex

	own, added int // own is set while some are added
}

// ownProcs returns how many the process has, without those that were added.
func ownProcessors() int {
	processors.Lock()
	defer processors.Unlock()
	if processors.added > 0 {
		return processors.own
	}
	return runtime.GOMAXPROCS(0)
}

// extraProcs is how many processors a path has added.
type spare int

// add raises GOMAXPROCS by n the first time, and restores that later if somebody else has
// set it lower. From then on Go no longer follows changes of the container's CPU limit.
func (s *spare) add(n int) {
	p := &processors
	p.Lock()
	defer p.Unlock()
	now := runtime.GOMAXPROCS(0)
	if p.added == 0 {
		p.own = now
	}
	if *s == 0 {
		*s = spare(n)
		p.added += n
	}
	if now < p.own+p.added {
		runtime.GOMAXPROCS(p.own + p.added)
	}
}

// remove takes back what add has added.
func (s *spare) remove() {
	p := &processors
	p.Lock()
	defer p.Unlock()
	if now := runtime.GOMAXPROCS(0); *s > 0 && now >= p.own+p.added {
		runtime.GOMAXPROCS(now - int(*s))
	}
	p.added -= int(*s)
	*s = 0
}
