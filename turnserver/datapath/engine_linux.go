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
	// politeRounds is the number of rounds without parking after which an engine yields
	// to other goroutines.
	politeRounds = 32
	// manyShortParks is how many times in a row an engine is parked for less than
	// shortPark, in nanoseconds, before it blocks in its epoll instead.
	manyShortParks = 16
	shortPark      = int64(time.Millisecond)
	// maxBlock is how long it then blocks without a packet, in milliseconds.
	maxBlock = 10
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

	waker    netpollWaker
	blocking atomic.Bool // it waits in epoll, not in Go's poller

	// descriptors are those that are served, by number. They are changed with mu
	// held; the engine reads them without.
	mu          sync.Mutex
	descriptors atomic.Pointer[[]atomic.Pointer[descriptor]]

	// All else belongs to the engine's goroutine.
	events         [eventsAtOnce]syscall.EpollEvent
	round          uint64
	clock          int64 // of this round; 0 = not read yet
	parkedAt       int64 // when it parked last, on the path's clock
	shortParks     int   // how many parks in a row were short
	streamActivity streamActivity
	bursts         bursts
	in             inbox
	out            outbox
}

func (p *Path) startEngines() error {
	for range p.config.Engines {
		e, err := newEngine(p)
		if err != nil {
			return err
		}
		p.engines = append(p.engines, e)
		go e.run()
		go e.waker.run(e.done)
	}
	return nil
}

func newEngine(p *Path) (e *engine, err error) {
	e = &engine{path: p, done: make(chan struct{}), waker: newNetpollWaker()}
	e.descriptors.Store(&[]atomic.Pointer[descriptor]{})
	if err := e.init(); err != nil {
		_, _ = e.gate.Close(), e.epoll.Close() // as far as they are there
		return nil, err
	}
	e.out.init(p)
	return e, nil
}

func (e *engine) init() error {
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
	<-e.waker.done
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
		timeout := e.blockTimeout()
		if timeout > 0 {
			e.pauseNetpoll(int(gate), epoll)
			defer e.resumeNetpoll(int(gate), epoll)
			e.waker.wake()
		}
		interrupted := false // and no packet has come since
		for served := 1; ; served++ {
			n, errno := rawio.EpollWait(epoll, e.events[:], timeout)
			if errno == unix.EINTR && timeout > 0 && !interrupted {
				interrupted = true
				runtime.Gosched() // somebody wants this P, or all of them
				continue
			}
			if n <= 0 || errno != 0 {
				if timeout > 0 {
					e.shortParks = 0
				}
				e.park()
				return false
			}
			interrupted = false
			e.beginRound()
			e.serve(e.events[:n])
			for polls := 0; timeout > 0 && polls < maxPolls && e.bursts.expectMore(); polls++ {
				if n, errno = rawio.EpollWait(epoll, e.events[:], 0); n > 0 && errno == 0 {
					e.serve(e.events[:n])
				}
			}
			e.endRound()
			if timeout > 0 && e.streamActivity.busy() {
				e.park()
				return false
			}
			if timeout == 0 && served%politeRounds == 0 {
				runtime.Gosched()
			}
		}
	})
}

// pauseNetpoll stops events of the epoll from reaching Go's poller.
func (e *engine) pauseNetpoll(gate, epoll int) {
	e.blocking.Store(true)
	e.modify(gate, epoll, 0)
}

// resumeNetpoll lets events reach Go's poller again. If the gate has not been
// polled since its last event, the kernel assumes that the event was already reported, and
// the new one would be lost (ep_modify in the kernel's fs/eventpoll.c). So the gate is polled
// first.
func (e *engine) resumeNetpoll(gate, epoll int) {
	_, _ = rawio.EpollWait(gate, e.events[:1], 0) // returns nothing while paused
	e.modify(gate, epoll, unix.EPOLLIN)
	e.blocking.Store(false)
}

// modify sets the events of the epoll that the gate watches.
func (e *engine) modify(gate, epoll int, events uint32) {
	if err := unix.EpollCtl(gate, unix.EPOLL_CTL_MOD, epoll, &unix.EpollEvent{Events: events}); err != nil {
		e.path.log.Error("gate of an engine", "err", err) // cannot be: both are open
	}
}

// blockTimeout returns how long the engine may block in its epoll, in milliseconds: 0 unless
// it was parked for a short time again and again, and streams bring little.
func (e *engine) blockTimeout() int {
	if e.path.Now()-e.parkedAt > shortPark {
		e.shortParks = 0
		return 0
	}
	if e.shortParks++; e.shortParks < manyShortParks || !e.streamActivity.idle() {
		return 0
	}
	e.path.extraProcs.add(len(e.path.engines))
	return maxBlock
}

// park notes that the engine is about to park.
func (e *engine) park() {
	e.round++
	e.parkedAt = e.path.Now()
}

func (e *engine) beginRound() {
	e.round++
	e.clock = 0
}

// serve receives from the sockets that have events.
func (e *engine) serve(events []syscall.EpollEvent) {
	for i := range events {
		if d := e.descriptor(int(events[i].Fd)); d != nil && d.acquire() {
			e.bursts.received += e.receive(d)
			d.release()
		}
	}
}

// endRound sends what came of a round. Then it yields to the goroutines that write to
// streams: they wait for this P, and another one would steal them only after a while.
func (e *engine) endRound() {
	e.out.flush()
	e.in.reset()
	e.bursts.endRound()
	e.streamActivity.endRound(e.path.streamReads.Load())
	if e.out.woke {
		e.out.woke = false
		runtime.Gosched()
	}
}

func (e *engine) descriptor(fd int) *descriptor {
	descriptors := *e.descriptors.Load()
	if fd >= len(descriptors) {
		return nil
	}
	return descriptors[fd].Load()
}

// watch has the engine receive from a descriptor.
func (e *engine) watch(d *descriptor) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	descriptors := *e.descriptors.Load()
	if d.fd >= len(descriptors) {
		longer := make([]atomic.Pointer[descriptor], 2*d.fd+1)
		for i := range descriptors {
			longer[i].Store(descriptors[i].Load())
		}
		descriptors = longer
		e.descriptors.Store(&longer)
	}
	descriptors[d.fd].Store(d)
	err := control(e.epoll, unix.EPOLL_CTL_ADD, d.fd, unix.EPOLLIN)
	if err != nil {
		descriptors[d.fd].Store(nil)
	}
	return err
}

// unwatch ends that. It must be called before the descriptor is closed.
func (e *engine) unwatch(d *descriptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	(*e.descriptors.Load())[d.fd].Store(nil)
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
	if e.in.freeSlots() < d.batchSize || e.out.full() {
		e.out.flush()
		e.in.reset()
	}
	first, n := e.in.receive(d.fd, d.batchSize)
	e.path.stats.batch(n)
	d.batchSize = nextBatch(d.batchSize, n, d.round+1 == e.round)
	d.round = e.round
	var lastClient *Relay
	var lastFrom netip.AddrPort
	for i := first; i < first+n; i++ {
		from := e.in.from(i)
		if d.owner.relay == nil {
			if lastClient == nil || from != lastFrom {
				lastClient, lastFrom = d.owner.socket.clients.get(from), from
			}
		}
		e.handle(d, i, from, lastClient)
	}
	return n
}

// handle relays what is in a slot: one datagram, or several of the same length that the
// kernel has coalesced, of which the last may be shorter.
func (e *engine) handle(d *descriptor, slot int, from netip.AddrPort, client *Relay) {
	k, segment := e.in.packet(slot)
	var at netip.Addr
	if d.hasPktinfo {
		at = e.in.localAddr(slot)
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
		if d.owner.relay != nil {
			d.owner.relay.fromPeer(e, from, &k)
		} else {
			d.owner.socket.receive(e, client, from, at, &k)
		}
		if next >= whole {
			return
		}
		k.start, k.floor = next, next // what is in front belongs to the previous one
	}
}

// nextBatch returns how many datagrams to ask a socket for next time, given that the last
// read asked for asked datagrams and returned got. It asks for as many as came, and for up to
// four times as many if the socket is busy: asking for more than there are costs time. again says that the socket was served in the
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
