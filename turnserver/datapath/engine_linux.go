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
	"time"

	"golang.org/x/sys/unix"

	"callbox/internal/rawio"
)

const (
	// eventsAtOnce bounds the sockets that are served in one round.
	eventsAtOnce = 128
	// politeRounds is after how many rounds without parking an engine yields to other
	// goroutines.
	politeRounds = 32
	// manyShortParks is how many times in a row an engine is parked for less than
	// shortPark, in nanoseconds, before it blocks in its epoll instead.
	busyRests = 16
	shortRest = int64(time.Millisecond)
	// maxBlock is how long it then blocks without a packet, in milliseconds.
	longestHold = 10
)

// engine serves many sockets from one goroutine. In each round it asks its epoll which of
// them have received something, receives, decides, and sends everything that comes of it.
// When nothing is left, it waits in one of two ways.
//
// It parks: Go's poller watches the gate, an epoll that watches the epoll of the sockets,
// so that a waiting engine holds no thread. This is for an engine with little to do, since
// a wake-up by Go's scheduler costs as much as relaying a packet.
//
// Where packets come in quick succession, it blocks in the epoll itself, and keeps its
// processor in Go's sense (a P) meanwhile. Before the first engine does so, the path adds
// one P for each engine, so that other goroutines have as many as before (extraProcs). For
// that time the gate is paused, so that packets do not wake Go's poller as well, and
// another thread is made to wait there (netpollWaker). Whoever needs the P, the garbage
// collector for example, interrupts the engine by a signal. After maxBlock without a packet
// the engine parks. It also parks while streams bring packets as often as its sockets: Go's
// poller is awake for those anyway, and one thread that waits for both costs less.
type engine struct {
	path  *Path
	epoll *os.File // not watched by Go's poller
	gate  *os.File
	done  chan struct{}

	relief relief
	held   atomic.Bool // it waits in epoll, not in Go's poller

	// sources are the descriptors that are served, by number. They are changed with mu
	// held; the engine reads them without.
	mu      sync.Mutex
	sources atomic.Pointer[[]atomic.Pointer[descriptor]]

	// All else belongs to the engine's goroutine.
	events [eventsAtOnce]syscall.EpollEvent
	round  uint64
	clock  int64 // of this round; 0 = not read yet
	rested int64 // when it parked last
	short  int   // how many parks in a row were short
	beside beside
	bursts bursts
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
		go e.relief.run(e.done)
	}
	return nil
}

func newEngine(p *Path) (e *engine, err error) {
	e = &engine{path: p, done: make(chan struct{}), relief: newRelief()}
	e.sources.Store(&[]atomic.Pointer[descriptor]{})
	if err := e.open(); err != nil {
		_, _ = e.gate.Close(), e.epoll.Close() // as far as they are there
		return nil, err
	}
	e.out.init(p)
	return e, nil
}

func (e *engine) open() error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	e.epoll = os.NewFile(uintptr(epoll), "epoll")
	gate, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(gate, true); err != nil { // so that os.File has it watched
		return errors.Join(fmt.Errorf("epoll: %w", err), unix.Close(gate))
	}
	e.gate = os.NewFile(uintptr(gate), "gate")
	if err := control(e.gate, unix.EPOLL_CTL_ADD, epoll, unix.EPOLLIN); err != nil {
		return fmt.Errorf("gate: %w", err)
	}
	if err := e.in.init(); err != nil {
		return fmt.Errorf("receive buffers: %w", err)
	}
	return nil
}

// stop ends the engine and waits for it.
func (e *engine) stop() {
	_ = e.gate.Close() // fails only when it was closed before
	<-e.done
	<-e.relief.done
	_ = e.epoll.Close()
}

// run serves until stop. All work is done in the callback of Read: whatever happens while
// it runs makes Go's poller call it again at once.
func (e *engine) run() {
	defer close(e.done)
	defer e.in.free()
	gate, err := e.gate.SyscallConn()
	if err != nil {
		return
	}
	epoll := int(e.epoll.Fd())              // nothing closes it before the engine is done
	_ = gate.Read(func(gate uintptr) bool { // fails when the gate is closed
		hold := e.holds()
		if hold > 0 {
			e.shut(int(gate), epoll)
			defer e.unshut(int(gate), epoll)
			e.relief.call()
		}
		silent := false // since the last interrupt
		for served := 1; ; served++ {
			n, errno := rawio.EpollWait(epoll, e.events[:], hold)
			if errno == unix.EINTR && hold > 0 && !silent {
				silent = true
				runtime.Gosched() // somebody wants this P, or all of them
				continue
			}
			if n <= 0 || errno != 0 {
				if hold > 0 {
					e.short = 0
				}
				e.rest()
				return false
			}
			silent = false
			e.begin()
			e.serve(e.events[:n])
			for polls := 0; hold > 0 && polls < mostPolls && e.bursts.goesOn(); polls++ {
				if n, errno = rawio.EpollWait(epoll, e.events[:], 0); n > 0 && errno == 0 {
					e.serve(e.events[:n])
				}
			}
			e.end()
			if hold > 0 && e.beside.often() {
				e.rest()
				return false
			}
			if hold == 0 && served%politeRounds == 0 {
				runtime.Gosched()
			}
		}
	})
}

// pauseNetpoll stops events of the epoll from reaching Go's poller.
func (e *engine) shut(gate, epoll int) {
	e.held.Store(true)
	e.modify(gate, epoll, 0)
}

// resumeNetpoll lets events reach Go's poller again. The kernel takes a gate that was not
// polled since an earlier event for one that has reported it, and a new event would be lost
// (ep_modify in the kernel's fs/eventpoll.c). So the gate is polled first.
func (e *engine) unshut(gate, epoll int) {
	_, _ = rawio.EpollWait(gate, e.events[:1], 0) // returns nothing while paused
	e.modify(gate, epoll, unix.EPOLLIN)
	e.held.Store(false)
}

func (e *engine) modify(gate, epoll int, events uint32) {
	if err := unix.EpollCtl(gate, unix.EPOLL_CTL_MOD, epoll, &unix.EpollEvent{Events: events}); err != nil {
		e.path.log.Error("gate of an engine", "err", err) // cannot be: both are open
	}
}

// holds returns how long the engine may wait in its epoll, in milliseconds: not at
// all unless its rests have become short, and streams seldom bring something.
func (e *engine) holds() int {
	if e.path.Now()-e.rested > shortRest {
		e.short = 0
		return 0
	}
	if e.short++; e.short < busyRests || !e.beside.seldom() {
		return 0
	}
	e.path.spare.add(len(e.path.engines))
	return longestHold
}

// park notes that the engine is about to park.
func (e *engine) rest() {
	e.round++
	e.rested = e.path.Now()
}

func (e *engine) begin() {
	e.round++
	e.clock = 0
}

// serve receives from the sockets that have events.
func (e *engine) serve(events []syscall.EpollEvent) {
	for i := range events {
		if d := e.source(int(events[i].Fd)); d != nil && d.acquire() {
			e.bursts.received += e.receive(d)
			d.release()
		}
	}
}

// endRound sends what came of a round. Then it yields to the goroutines that write to
// streams: they wait for this P, and another one would steal them only after a while.
func (e *engine) end() {
	e.out.flush()
	e.in.reset()
	e.bursts.end()
	e.beside.end(e.path.streamed.Load())
	if e.out.woke {
		e.out.woke = false
		runtime.Gosched()
	}
}

func (e *engine) source(fd int) *descriptor {
	sources := *e.sources.Load()
	if fd >= len(sources) {
		return nil
	}
	return sources[fd].Load()
}

// watch has the engine receive from a descriptor.
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
	err := control(e.epoll, unix.EPOLL_CTL_ADD, d.fd, unix.EPOLLIN)
	if err != nil {
		sources[d.fd].Store(nil)
	}
	return err
}

// unwatch ends that. It must be called before the descriptor is closed.
func (e *engine) unlist(d *descriptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	(*e.sources.Load())[d.fd].Store(nil)
	if err := control(e.epoll, unix.EPOLL_CTL_DEL, d.fd, 0); err != nil {
		e.path.log.Debug("socket of a stopped engine", "err", err)
	}
}

// control changes which events an epoll watches a descriptor for.
func control(epoll *os.File, op, fd int, events uint32) error {
	conn, err := epoll.SyscallConn()
	if err != nil {
		return net.ErrClosed
	}
	var failed error
	err = conn.Control(func(epoll uintptr) {
		failed = unix.EpollCtl(int(epoll), op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}) //nolint:gosec // a descriptor
	})
	if err != nil {
		return net.ErrClosed
	}
	return os.NewSyscallError("epoll_ctl", failed)
}

// receive handles what a socket has received, up to one batch: the rest makes another
// event. It returns how many slots of the inbox that took.
func (e *engine) receive(d *descriptor) int {
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
	return n
}

// handle relays what is in a slot: one datagram, or several of the same length that the
// kernel has coalesced, of which the last may be shorter.
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
		k.start, k.floor = next, next // what is in front belongs to the previous one
	}
}

// nextBatch returns how many datagrams to ask a socket for next time, after it was asked
// for asked and had got: many where there were many, but one where they come one at a time,
// since asking for more would be in vain. again says that the socket was served in the
// previous round, too.
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

// toPeer, toClient, scratch and now make the engine a packetSink.
func (e *engine) toPeer(r *Relay, to *destination, body []byte) { e.out.toPeer(r, to, body) }

func (e *engine) toClient(c Client, head, body []byte, padding int) {
	e.out.toClient(c, head, body, padding)
}

func (e *engine) scratch(n int) []byte { return e.out.scratch(n) }

func (e *engine) now() int64 {
	if e.clock == 0 {
		e.clock = e.path.Now()
	}
	return e.clock
}
