package datapath

import (
	"runtime"
	"sync"
)

// procs are the processors of the process in the scheduler's sense (GOMAXPROCS): its own,
// and those that paths have added for their engines to block with.
var procs struct { //nolint:gochecknoglobals // they are the process's
	sync.Mutex

	own, added int // own is set while some are added
}

// ownProcs returns how many the process has, without those that were added.
func ownProcs() int {
	procs.Lock()
	defer procs.Unlock()
	if procs.added > 0 {
		return procs.own
	}
	return runtime.GOMAXPROCS(0)
}

// extraProcs is how many processors a path has added.
type extraProcs int

// add raises GOMAXPROCS by n the first time, and restores that later if somebody else has
// set it lower. From then on Go no longer follows changes of the container's CPU limit.
func (x *extraProcs) add(n int) {
	p := &procs
	p.Lock()
	defer p.Unlock()
	now := runtime.GOMAXPROCS(0)
	if p.added == 0 {
		p.own = now
	}
	if *x == 0 {
		*x = extraProcs(n)
		p.added += n
	}
	if now < p.own+p.added {
		runtime.GOMAXPROCS(p.own + p.added)
	}
}

// remove takes back what add has added.
func (x *extraProcs) remove() {
	p := &procs
	p.Lock()
	defer p.Unlock()
	if now := runtime.GOMAXPROCS(0); *x > 0 && now >= p.own+p.added {
		runtime.GOMAXPROCS(now - int(*x))
	}
	p.added -= int(*x)
	*x = 0
}
