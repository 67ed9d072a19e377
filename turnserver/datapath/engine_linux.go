package datapath

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// eventsAtOnce bounds the sockets that are served in one round.
	eventsAtOnce = 128
	// politeRounds is after how many rounds without a rest other goroutines get
	// their turn.
	politeRounds = 32
)

// engine serves many sockets from one goroutine. In a round it asks its epoll
// which of them have received something, receives, decides, and sends all that
// came of it. When there is nothing left it parks: the epoll's own descriptor is
// watched by Go's poller, so that a waiting engine takes no thread.
type engine struct {
	path *Path
	file *os.File // the epoll
	poll syscall.RawConn
	done chan struct{}

	// sources are the descriptors that are served, by number. Changes are made
	// under the lock; the engine reads without.
	mu      sync.Mutex
	sources atomic.Pointer[[]atomic.Pointer[descriptor]]

	// All else belongs to the engine's goroutine.
	events [eventsAtOnce]unix.EpollEvent
	round  uint64
	clock  int64 // of this round; 0 = not read yet
	in     inbox
	out    outbox
}

func (p *Path) startEngines() error {
	for range p.config.Engines {
		e, err := newEngine(p)
		if err != nil {
			return err
		}
		p.engines = append(p.engines, e)
		go e.run()
	}
	return nil
}

func newEngine(p *Path) (*engine, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that os.File has it watched
		return nil, errors.Join(fmt.Errorf("epoll: %w", err), unix.Close(fd))
	}
	e := &engine{path: p, file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	if e.poll, err = e.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll: %w", err), e.file.Close())
	}
	e.sources.Store(&[]atomic.Pointer[descriptor]{})
	if err := e.in.init(); err != nil {
		return nil, errors.Join(fmt.Errorf("receive buffers: %w", err), e.file.Close())
	}
	e.out.init(&p.stats, !p.config.NoOffload && splits())
	return e, nil
}

// stop ends the engine and waits for it.
func (e *engine) stop() {
	_ = e.file.Close() // fails only when it was closed before
	<-e.done
}

// run serves until stop. All work is done in the callback: whatever happens
// while it runs makes Go's poller call it again at once.
func (e *engine) run() {
	defer close(e.done)
	defer e.in.free()
	_ = e.poll.Read(func(fd uintptr) bool { // the error says that the epoll is closed
		for served := 1; ; served++ {
			n, errno := epollWait(int(fd), e.events[:])
			if n <= 0 || errno != 0 {
				e.round++ // a rest
				return false
			}
			e.serve(e.events[:n])
			if served%politeRounds == 0 {
				runtime.Gosched()
			}
		}
	})
}

// serve receives from the sockets of a round and sends what comes of it.
func (e *engine) serve(events []unix.EpollEvent) {
	e.round++
	e.clock = 0
	for i := range events {
		if d := e.source(int(events[i].Fd)); d != nil && d.acquire() {
			e.receive(d)
			d.release()
		}
	}
	e.out.flush()
	e.in.reset()
}

func (e *engine) source(fd int) *descriptor {
	sources := *e.sources.Load()
	if fd >= len(sources) {
		return nil
	}
	return sources[fd].Load()
}

// list has a descriptor served.
func (e *engine) list(d *descriptor) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	sources := *e.sources.Load()
	if d.fd >= len(sources) {
		longer := make([]atomic.Pointer[descriptor], 2*d.fd+1)
		for i := range sources {
			longer[i].Store(sources[i].Load())
		}
		sources = longer
		e.sources.Store(&longer)
	}
	sources[d.fd].Store(d)
	err := e.control(unix.EPOLL_CTL_ADD, d.fd)
	if err != nil {
		sources[d.fd].Store(nil)
	}
	return err
}

// unlist ends that, before the descriptor is closed.
func (e *engine) unlist(d *descriptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	(*e.sources.Load())[d.fd].Store(nil)
	if err := e.control(unix.EPOLL_CTL_DEL, d.fd); err != nil {
		e.path.log.Debug("socket of a stopped engine", "err", err)
	}
}

func (e *engine) control(op, fd int) error {
	var failed error
	err := e.poll.Control(func(epoll uintptr) {
		failed = unix.EpollCtl(int(epoll), op, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}) //nolint:gosec // a descriptor
	})
	if err != nil {
		return net.ErrClosed
	}
	return os.NewSyscallError("epoll_ctl", failed)
}

// receive handles what a socket has, up to one batch: what is left makes a new
// event.
func (e *engine) receive(d *descriptor) {
	if e.in.left() < d.batch || e.out.full() {
		e.out.flush()
		e.in.reset()
	}
	first, n := e.in.receive(d.fd, d.batch)
	e.path.stats.batch(n)
	d.batch = nextBatch(d.batch, n, d.round+1 == e.round)
	d.round = e.round
	var client source
	var known netip.AddrPort
	for i := first; i < first+n; i++ {
		from := e.in.from(i)
		if d.source.relay == nil {
			if client.relay == nil || from != known {
				client.relay, known = d.source.socket.clients.get(from), from
			}
		}
		e.handle(d, i, from, client.relay)
	}
}

// handle passes on what is in a slot: one datagram, or several of the same
// length, the last of them perhaps shorter.
func (e *engine) handle(d *descriptor, slot int, from netip.AddrPort, client *Relay) {
	k, segment := e.in.packet(slot)
	var at netip.Addr
	if d.arrivals {
		at = e.in.arrival(slot)
	}
	whole := k.end
	if segment > 0 && segment < whole-k.start {
		e.path.stats.coalesced.Add(uint64((whole - k.start + segment - 1) / segment)) //nolint:gosec // not negative
	} else {
		segment = whole - k.start
	}
	for {
		k.end = min(whole, k.start+segment)
		next := k.end
		if e.out.full() {
			e.out.flush()
		}
		if d.source.relay != nil {
			d.source.relay.fromPeer(e, from, &k)
		} else {
			d.source.socket.receive(e, client, from, at, &k)
		}
		if next >= whole {
			return
		}
		k.start, k.floor = next, next // what is in front belongs to the one before
	}
}

// nextBatch is how many datagrams to ask of a socket next time, after asking for
// asked and getting got: many where there were many, but one where they come
// one by one, since the search for another would be in vain. again: the socket
// was served in the round before, too.
func nextBatch(asked, got int, again bool) int {
	const most = 32
	switch {
	case got < asked:
		return max(1, got)
	case again:
		return min(most, 4*asked)
	default:
		return asked
	}
}

// toPeer, toClient, scratch and now make the engine an outlet.
func (e *engine) toPeer(r *Relay, to *destination, body []byte) {
	if d, ok := r.port.(*descriptor); ok {
		e.out.add(d, to, nil, body, 0)
		return
	}
	e.path.stats.drop(r.port.send(to, nil, body, 0))
}

func (e *engine) toClient(c Client, head, body []byte, padding int) {
	if u, ok := c.(*udpClient); ok {
		if d, ok := u.socket.port.(*descriptor); ok {
			e.out.add(d, &u.to, head, body, padding)
			return
		}
	}
	e.path.stats.drop(c.send(head, body, padding))
}

func (e *engine) scratch(n int) []byte { return e.out.scratch(n) }

func (e *engine) now() int64 {
	if e.clock == 0 {
		e.clock = e.path.Now()
	}
	return e.clock
}
