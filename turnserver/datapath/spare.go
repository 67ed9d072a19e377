package datapath

import (
	"runtime"
	"sync"
)

// spare are the processors, in the scheduler's sense, that a path has added for its
// engines to wait with.
type spare struct{ wanted, added int }

// processors has several paths of a process change their number one after the other.
var processors sync.Mutex //nolint:gochecknoglobals // what it guards is the process's

// add has the scheduler use n more, the first time that it is called, and sees to it
// later on that nobody has taken them. From then on Go no longer follows a limit of
// the container's that changes.
func (s *spare) add(n int) {
	processors.Lock()
	defer processors.Unlock()
	now := runtime.GOMAXPROCS(0)
	if s.wanted == 0 {
		s.wanted, s.added = now+n, n
	}
	if now < s.wanted {
		runtime.GOMAXPROCS(s.wanted)
	}
}

// remove takes them away again.
func (s *spare) remove() {
	processors.Lock()
	defer processors.Unlock()
	if now := runtime.GOMAXPROCS(0); s.wanted > 0 && now >= s.wanted {
		runtime.GOMAXPROCS(now - s.added)
	}
	s.wanted, s.added = 0, 0
}
