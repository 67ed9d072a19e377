package datapath

import (
	"runtime"
	"sync"
)

// spare are the processors, in the scheduler's sense, that a path has added for its
// engines to wait with.
type spare struct{ added int }

// processors makes several paths of a process change their number one after the
// other; each engine's path calls add before it waits with one.
var processors sync.Mutex //nolint:gochecknoglobals // what it guards is the process's

// add has the scheduler use n more, the first time that it is called. From then on
// Go no longer follows a limit of the container's that changes.
func (s *spare) add(n int) {
	processors.Lock()
	defer processors.Unlock()
	if s.added == 0 {
		s.added = n
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
	}
}

// remove takes them away again.
func (s *spare) remove() {
	processors.Lock()
	defer processors.Unlock()
	if s.added > 0 {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - s.added)
		s.added = 0
	}
}
