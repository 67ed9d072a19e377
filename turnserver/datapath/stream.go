package datapath

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// streamQueue bounds the bytes that wait for the client of a stream.
	streamQueue = 256 << 10
	// queueRoom is what a queue holds at first, which is enough unless a client is slow.
	queueRoom = 32 << 10
)

// queues are lent to streams that have something queued.
var queues = sync.Pool{New: func() any { return new([queueRoom]byte) }} //nolint:gochecknoglobals // a cache

func newQueue() []byte { return queues.Get().(*[queueRoom]byte)[:0] } //nolint:forcetypeassert // nothing else is put there

// freeQueue gives a queue back, or what was taken from Memory for its growth.
func (s *Stream) freeQueue(b []byte) {
	switch {
	case cap(b) == queueRoom:
		queues.Put((*[queueRoom]byte)(b[:queueRoom]))
	case cap(b) > queueRoom && s.memory != nil:
		s.memory.Give(s.client, cap(b)-queueRoom)
	}
}

// Memory is what streams take from while their client is slow. Its methods must
// not wait.
type Memory interface {
	Take(client netip.Addr, n int) bool
	Give(client netip.Addr, n int)
}

// ChargeTo has the queue of a client take from memory what it grows by. The
// caller of NewStream calls this before anything else, or never.
func (s *Stream) ChargeTo(memory Memory, client netip.Addr) { s.memory, s.client = memory, client }

// grow makes room for need bytes in the queue. It returns false when there is
// no memory for them. It must be called with mu held.
func (s *Stream) grow(need int) bool {
	if s.pending == nil {
		s.pending = newQueue()
	}
	room := cap(s.pending)
	if need <= room {
		return true
	}
	larger := min(max(need, 2*room), streamQueue)
	if s.memory != nil && !s.memory.Take(s.client, larger-room) {
		return false
	}
	queue := append(make([]byte, 0, larger), s.pending...)
	if room == queueRoom {
		queues.Put((*[queueRoom]byte)(s.pending[:queueRoom]))
	}
	s.pending = queue
	return true
}

// Stream is a client on a connection, TCP or TLS. What it does not take at once waits
// in a bounded queue, so that nobody else ever waits for the client.
type Stream struct {
	path  *Path
	relay atomic.Pointer[Relay]
	out   streamOutlet

	memory Memory // nil = without bounds
	client netip.Addr

	mu      sync.Mutex
	ready   sync.Cond
	pending []byte
	writing bool // Run is
	behind  bool // Run has to, also when nothing is queued
	err     error
	at      func(p []byte) (taken int, more bool) // nil = Run writes all
}

// NewStream makes a client of a connection. The caller runs Run, gives Receive
// each frame that it reads and then calls Flush, and ends with Close.
func (p *Path) NewStream() *Stream {
	s := &Stream{path: p, out: newStreamOutlet(p)}
	s.ready.L = &s.mu
	return s
}

// WriteAtOnce has what is queued written by write, from any goroutine and without a
// detour to that of Run, when nothing else waits. write must not wait, and is called under a
// lock. It returns how many bytes it took, and whether Run has to go on although that
// was all; what it did not take, and its error, are Run's. The caller of NewStream calls
// this before anything else, or never.
func (s *Stream) WriteAtOnce(write func(p []byte) (taken int, more bool)) { s.at = write }

// Behind has Run call its write, be there something queued or not.
func (s *Stream) Behind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = true
	s.ready.Signal()
}

// Receive relays a frame of the client's, without its padding, and says whether
// there was something to relay or to drop: else it is a control message. The frame
// must stay as it is until Flush. It is called from one goroutine.
func (s *Stream) Receive(frame []byte) bool {
	s.out.begin()
	k := packet{buffer: frame, end: len(frame)}
	switch s.path.fromClient(&s.out, s.relay.Load(), &k) {
	case kindControl, kindBinding:
		return false
	default:
		return true
	}
}

// Flush sends what has come of the frames since the last Flush. It is called from the
// goroutine that calls Receive, when it has no frame at hand.
func (s *Stream) Flush() {
	s.out.flush()
	s.path.streamed.Add(1)
}

// Write sends a control message. The error is net.ErrClosed, or that of the
// connection.
func (s *Stream) Write(p []byte) error {
	s.path.stats.drop(s.send(nil, p, 0))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Run writes what is queued, as much as there is at once, until write fails or
// the stream is closed. After Behind that may be nothing.
func (s *Stream) Run(write func(p []byte) error) {
	for {
		s.mu.Lock()
		s.writing = false
		for len(s.pending) == 0 && !s.behind && s.err == nil {
			s.ready.Wait()
		}
		s.writing, s.behind = true, false
		taken, err := s.pending, s.err
		s.pending = nil
		s.mu.Unlock()
		if err == nil {
			err = write(taken)
		}
		s.freeQueue(taken)
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// Close ends Run. What was not yet written is lost.
func (s *Stream) Close() { s.fail(net.ErrClosed) }

func (s *Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.freeQueue(s.pending)
	s.pending = nil
	s.ready.Broadcast()
}

func (s *Stream) send(head, body []byte, _ int) Drop {
	cause := s.queue(head, body)
	s.push()
	return cause
}

// push has what is queued written, and says whether Run was woken for it.
func (s *Stream) push() (woke bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != nil && !s.writing && !s.behind && s.err == nil && len(s.pending) > 0 {
		var taken int
		taken, s.behind = s.at(s.pending)
		s.pending = s.pending[:copy(s.pending, s.pending[taken:])]
	}
	if len(s.pending) > 0 || s.behind {
		s.ready.Signal()
		return true
	}
	s.freeQueue(s.pending)
	s.pending = nil
	return false
}

func (s *Stream) queue(head, body []byte) Drop {
	length := len(head) + len(body)
	padding := -length & 3
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return ClientGone
	case len(s.pending)+length+padding > streamQueue:
		return ClientQueue
	}
	if !s.grow(len(s.pending) + length + padding) {
		return ClientQueue
	}
	s.pending = append(append(append(s.pending, head...), body...), make([]byte, padding)...)
	return Sent
}

func (s *Stream) attach(r *Relay) { s.relay.Store(r) }
func (s *Stream) detach(r *Relay) { s.relay.CompareAndSwap(r, nil) }
func (s *Stream) engine() *engine { return nil }
