package signaling

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"callbox/internal/rawio"
)

// maxReady is how many connections one poll returns at most.
const maxReady = 128

// What epoll reports: every change once, also that the client ends.
const (
	epollET     = 1 << 31 // syscall.EPOLLET has the wrong sign
	pollEvents  = syscall.EPOLLIN | syscall.EPOLLRDHUP | epollET
	pollEndings = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
)

// pollers read for the WebSockets that are sockets of the system, with one
// goroutine for each processor instead of one for each connection. So one
// wake-up of the scheduler serves all connections that have data, and an idle
// connection has no stack.
type pollers struct {
	running sync.WaitGroup
	count   int // one for each processor

	mu   sync.Mutex // guards the following
	all  []*poller  // nil before the first connection
	next int        // index of the poller for the next connection
}

// init fixes the number of pollers, before other parts of the process, such as
// the TURN server, raise GOMAXPROCS.
func (ps *pollers) init() { ps.count = runtime.GOMAXPROCS(0) }

// add makes a poller read for t from now on. It returns false when no poller
// can: t then needs a goroutine of its own.
func (ps *pollers) add(t *webSocket) bool {
	s, ok := t.stream.(*rawStream)
	if !ok {
		return false
	}
	p := ps.nextPoller()
	return p != nil && p.add(t, s)
}

// nextPoller returns the poller whose turn it is, or nil.
func (ps *pollers) nextPoller() *poller {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all == nil {
		ps.all = []*poller{}
		for range ps.count {
			p, err := newPoller(ps)
			if err != nil {
				break // the system allows no more: fewer pollers do, or none
			}
			ps.all = append(ps.all, p)
		}
	}
	if len(ps.all) == 0 {
		return nil
	}
	ps.next++
	return ps.all[ps.next%len(ps.all)]
}

// close ends the pollers and waits for them. All connections must have ended.
func (ps *pollers) close() {
	ps.mu.Lock()
	all := ps.all
	ps.all = []*poller{}
	ps.mu.Unlock()
	for _, p := range all {
		_ = p.file.Close() // this wakes p; an error loses nothing
	}
	ps.running.Wait()
	for _, p := range all {
		_ = syscall.Close(p.fd)
	}
}

// poller has an epoll instance of its own, which the Go runtime's poller watches
// like a socket. So it waits as goroutines do, and occupies no thread.
type poller struct {
	pollers *pollers
	fd      int      // the epoll instance; static
	file    *os.File // the same, for the runtime; owned by the goroutine in run

	mu    sync.Mutex   // guards the following
	slots []*webSocket // by the number under which epoll knows them
	free  []int32      // numbers of free slots

	// Owned by the goroutine in run.
	events     [maxReady]syscall.EpollEvent
	ready      []readyConn // what the last poll returned
	index      int         // of the connection in ready that is being served
	unfinished []readyConn // one read may not have brought all of their data
	read       func(fd uintptr)
	got        *rawio.Buffer // what read has brought
	gotErr     error
}

// readyConn is a connection that has something to read.
type readyConn struct {
	t   *webSocket
	end bool // the client sends no more, or the connection is broken
}

// newPoller starts a poller.
func newPoller(ps *pollers) (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &poller{pollers: ps, fd: fd}
	p.read = func(fd uintptr) { p.got, p.gotErr = rawio.Receive(fd, nil) } // once, because it allocates
	file, raw, err := p.openFile()
	if err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	p.start(file, raw)
	return p, nil
}

// openFile returns a file of the epoll instance for a goroutine that will call
// run.
func (p *poller) openFile() (*os.File, syscall.RawConn, error) {
	fd, err := dup(p.fd)
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	if err := file.SetDeadline(time.Time{}); err != nil { // fails when the runtime does not watch it
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, raw, nil
}

func (p *poller) start(file *os.File, raw syscall.RawConn) {
	p.file = file
	p.pollers.running.Go(func() { p.run(file, raw) })
}

// dup duplicates fd for the runtime, which watches only non-blocking files.
func dup(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(fd)
	if err != nil {
		return -1, err
	}
	syscall.CloseOnExec(fd)
	return fd, syscall.SetNonblock(fd, true)
}

// add watches t, including data that arrived before.
func (p *poller) add(t *webSocket, s *rawStream) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		p.free = append(p.free, int32(len(p.slots))) //nolint:gosec // G115: as many as file descriptors
		p.slots = append(p.slots, nil)
	}
	last := len(p.free) - 1
	slot := p.free[last]
	t.poller, t.slot, t.socket = p, slot, s
	if p.control(syscall.EPOLL_CTL_ADD, t) != nil {
		t.poller = nil
		return false
	}
	t.connection.server.running.Add(1) // until end, or the end of run
	p.free, p.slots[slot] = p.free[:last], t
	return true
}

func (p *poller) control(operation int, t *webSocket) error {
	var err error
	closed := t.socket.Control(func(fd uintptr) {
		err = syscall.EpollCtl(p.fd, operation, int(fd), &syscall.EpollEvent{Events: pollEvents, Fd: t.slot})
	})
	return errors.Join(closed, err)
}

// remove stops watching t. Only the goroutine in run may call it.
func (p *poller) remove(t *webSocket) {
	_ = p.control(syscall.EPOLL_CTL_DEL, t) // fails only when it is not being watched
	p.freeSlot(t)
}

// freeSlot frees the slot of t, whose socket is closed or no longer watched.
func (p *poller) freeSlot(t *webSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[t.slot] = nil
	p.free = append(p.free, t.slot)
	t.poller = nil
}

// run serves the connections that are ready, round by round, until close, or
// until it would have to wait for one of them. Then it becomes the reader of
// that one connection.
func (p *poller) run(file *os.File, raw syscall.RawConn) {
	var detached *webSocket
	var err error
	var fx effects
	// One call for all rounds, as each call would start with a useless poll.
	_ = raw.Read(func(uintptr) bool { // fails when file is closed
		for {
			full := p.poll()
			for i, each := range p.ready {
				p.index = i
				if each.t.poller != p {
					continue // it ended in this round
				}
				if err = p.serve(each, &fx); each.t.detached {
					detached = each.t
					return true
				}
			}
			fx.apply()
			if !full && len(p.unfinished) == 0 {
				return false // data that arrived since then wakes the goroutine
			}
			runtime.Gosched()
		}
	})
	if detached != nil {
		_ = file.Close() // the new goroutine has its own
		fx.apply()
		detached.readUntilEnd(err)
		detached.connection.server.running.Done()
	}
}

// poll gathers the connections that are ready, and those that the last round did
// not finish. It returns true when there may be more of them.
func (p *poller) poll() (full bool) {
	n, errno := rawio.EpollWait(p.fd, p.events[:], 0)
	for errno == syscall.EINTR {
		n, errno = rawio.EpollWait(p.fd, p.events[:], 0)
	}
	clear(p.ready)
	p.ready = append(p.ready[:0], p.unfinished...)
	clear(p.unfinished)
	p.unfinished = p.unfinished[:0]
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range n {
		event := &p.events[i]
		if t := p.slots[event.Fd]; t != nil {
			p.ready = append(p.ready, readyConn{t, event.Events&pollEndings != 0})
		}
	}
	return n == len(p.events)
}

// serve reads once from a connection and handles what has arrived.
func (p *poller) serve(each readyConn, fx *effects) error {
	t := each.t
	if t.connection.is(statePaused) {
		return nil
	}
	buffer, err := p.readNow(t.socket)
	if buffer == nil && err == nil {
		return nil // the data was read before
	}
	more := each.end
	if err == nil {
		more = more || buffer.End == len(buffer.Bytes)
		t.noteActivity()
		err = t.handleFrames(buffer.Unread(), fx)
		buffer.Free()
		if t.detached {
			return err
		}
	}
	switch {
	case err != nil:
		fx.apply()
		p.end(t, err, fx)
	case t.connection.shouldPause() && more:
		t.connection.set(statePaused, true)
		time.AfterFunc(floodPause, func() { p.resume(t) })
	case more:
		p.unfinished = append(p.unfinished, each)
	}
	return nil
}

// resume reads from t again, if it is still watched. epoll then reports data
// that arrived in the meantime.
func (p *poller) resume(t *webSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.connection.set(statePaused, false)
	if p.slots[t.slot] == t {
		_ = p.control(syscall.EPOLL_CTL_MOD, t) // fails only when it is closed
	}
}

// readNow reads what is there; nil = nothing is.
func (p *poller) readNow(s *rawStream) (*rawio.Buffer, error) {
	if s.aborted.Load() {
		return nil, net.ErrClosed
	}
	if err := s.Control(p.read); err != nil {
		return nil, err
	}
	b, err := p.got, p.gotErr
	p.got = nil
	if errors.Is(err, syscall.EAGAIN) {
		return nil, nil
	}
	return b, err
}

// end ends t after err, in a goroutine of its own if that may take a while.
func (p *poller) end(t *webSocket, err error, fx *effects) {
	server := t.connection.server
	defer server.running.Done()
	if !t.handleReadEnd(err, fx) && t.tryTeardown() {
		p.freeSlot(t)
		return
	}
	p.remove(t)
	server.running.Go(func() { t.teardown(err) })
}

// detach makes the caller, the goroutine in run, the reader of t alone, and
// starts another goroutine in run for the other connections. It returns false,
// and changes nothing, when that is not possible.
func (p *poller) detach(t *webSocket) bool {
	file, raw, err := p.openFile()
	if err != nil {
		return false
	}
	p.remove(t)
	t.detached = true
	p.unfinished = append(p.unfinished, p.ready[p.index+1:]...)
	p.start(file, raw)
	return true
}
