package datapath

import (
	"runtime"
	"sync"
)

// processors are those of the process, in the scheduler's sense: its own, and the
// ones that paths have added for their engines to wait with.
var processors struct { //nolint:gochecknoglobals // they are the process's
	sync.Mutex

	own, added int // own is known while some are added
}

// ownProcessors returns how many the process has without those that were added.
func ownProcessors() int {
	processors.Lock()
	defer processors.Unlock()
	if processors.added > 0 {
		return processors.own
	}
	return runtime.GOMAXPROCS(0)
}

// spare is how many a path has added.
type spare int

// add has the scheduler use n more, the first time that it is called, and sees to it
// later on that nobody has taken them. From then on Go no longer follows a limit of
// the container's that changes.
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

// remove takes them away again.
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
