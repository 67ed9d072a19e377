package datapath

// netpollWaker has another thread wait in Go's poller, in place of the one that an engine is
// about to block. A thread that Go's poller wakes runs what it was woken for, and then polls
// again; the runtime sends no other thread there meanwhile. A blocking engine does not
// return to the poller, so that all other connections of the process would be read only
// when the runtime checks its poller by itself, every 10 ms.
//
// It does so by a goroutine that becomes runnable: a thread is started to run it, and when
// that has nothing more to run, it waits in the poller.
type netpollWaker struct {
	wakes chan struct{}
	done  chan struct{}
}

func newNetpollWaker() netpollWaker {
	return netpollWaker{wakes: make(chan struct{}, 1), done: make(chan struct{})}
}

// run returns when the engine is done.
func (w *netpollWaker) run(engine <-chan struct{}) {
	defer close(w.done)
	for {
		select {
		case <-w.wakes: // it is enough that this goroutine runs
		case <-engine:
			return
		}
	}
}

// wake makes the goroutine of run runnable. It does not wait for it.
func (w *netpollWaker) wake() {
	select {
	case w.wakes <- struct{}{}:
	default: // it is about to run
	}
}
