package datapath

// relief has another thread wait in Go's poller in place of the one that an engine is
// about to keep. The thread that Go's poller wakes runs what it was woken for, and asks
// the poller again afterwards; no other one is sent there meanwhile. With an engine
// that waits by itself there is no afterwards, and all other connections of the process
// would be read only when the runtime looks after its poller, every 10 ms.
//
// What does it is a goroutine that becomes runnable: a thread comes for it, and when that
// has nothing more to run, it waits in the poller.
type relief struct {
	called chan struct{}
	done   chan struct{}
}

func newRelief() relief {
	return relief{called: make(chan struct{}, 1), done: make(chan struct{})}
}

// run lasts until the engine is done.
func (r *relief) run(engine <-chan struct{}) {
	defer close(r.done)
	for {
		select {
		case <-r.called: // that this runs is all
		case <-engine:
			return
		}
	}
}

// call does not wait for it.
func (r *relief) call() {
	select {
	case r.called <- struct{}{}:
	default: // it is about to run
	}
}
