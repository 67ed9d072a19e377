package datapath

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// streamQueue bounds how many bytes wait for the client of a stream.
	streamQueue = 256 << 10
	// queueRoom is the size of a new queue, in bytes: enough unless the client is slow.
	queueRoom = 32 << 10
)

// queues are lent to streams while they have something queued.
var queues = sync.Pool{New: func() any { return new([queueRoom]byte) }} //nolint:gochecknoglobals // a cache

func newQueue() []byte { return queues.Get().(*[queueRoom]byte)[:0] } //nolint:forcetypeassert // nothing else is put there

// freeQueue gives a queue back, and what was taken from Memory for its growth.
func (s *Stream) freeQueue(b []byte) {
	switch {
	case cap(b) == queueRoom:
		queues.Put((*[queueRoom]byte)(b[:queueRoom]))
	case cap(b) > queueRoom && s.memory != nil:
		s.memory.Give(s.clientAddr, cap(b)-queueRoom)
	}
}

// Memory is a budget of bytes, in all and for each client address, that the queues of slow
// clients are charged to. Its methods must not wait.
type Memory interface {
	Take(client netip.Addr, n int) bool
	Give(client netip.Addr, n int)
}

// ChargeTo charges the growth of the queue to memory. It must be called before all other
// methods, or never.
func (s *Stream) ChargeTo(memory Memory, client netip.Addr) { s.memory, s.clientAddr = memory, client }

// grow makes the queue large enough for need bytes. It returns false when there is no memory
// for that. It must be called with mu held.
func (s *Stream) grow(need int) bool {
	if s.pending == nil {
		s.pending = newQueue()
	}
	room := cap(s.pending)
	if need <= room {
		return true
	}
	larger := min(max(need, 2*room), streamQueue)
	if s.memory != nil && !s.memory.Take(s.clientAddr, larger-room) {
		return false
	}
	queue := append(make([]byte, 0, larger), s.pending...)
	if room == queueRoom {
		queues.Put((*[queueRoom]byte)(s.pending[:queueRoom]))
	}
	s.pending = queue
	return true
}

// Stream is a client on a TCP or TLS connection. What it does not take at once waits in a
// bounded queue, so that nobody else ever waits for the client.
type Stream struct {
	path  *Path
	relay atomic.Pointer[Relay]
	out   streamSink

	memory     Memory     // nil = the queue is not charged
	clientAddr netip.Addr // that memory is charged for

	mu             sync.Mutex
	ready          sync.Cond
	pending        []byte
	writing        bool // Run is calling its write
	writeRequested bool // Run has to call it, also when nothing is queued
	err            error
	tryWrite       func(p []byte) (written int, more bool) // see WriteAtOnce; nil = Run writes everything
}

// NewStream makes a client of a connection. The caller runs Run in a goroutine, passes each
// frame that it reads to Receive, calls Flush whenever it has no frame left, and ends with
// Close.
func (p *Path) NewStream() *Stream {
	s := &Stream{path: p, out: newStreamSink(p)}
	s.ready.L = &s.mu
	return s
}

// WriteAtOnce lets the goroutine that queues something write it, without waking that of Run,
// if nothing else waits. write must not wait, and is called with a lock held. It returns how
// many bytes it has written, and whether Run has to go on although that was all; the rest,
// and the error, are left to Run. WriteAtOnce must be called before all other methods but
// ChargeTo, or never.
func (s *Stream) WriteAtOnce(write func(p []byte) (written int, more bool)) { s.tryWrite = write }

// RequestWrite makes Run call its write, whether something is queued or not.
func (s *Stream) RequestWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeRequested = true
	s.ready.Signal()
}

// Receive relays a frame of the client, which comes without its padding. It returns false
// when the frame is a control message, which is left to the caller. The frame must not change
// until Flush. All calls come from one goroutine.
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

// Flush sends what has come of the frames since the last Flush. It must be called from the
// goroutine that calls Receive.
func (s *Stream) Flush() {
	s.out.flush()
	s.path.streamReads.Add(1)
}

// Write queues a control message. The error is net.ErrClosed, or that of the connection.
func (s *Stream) Write(p []byte) error {
	s.path.stats.drop(s.send(nil, p, 0))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Run calls write with everything that is queued, again and again, until write fails or the
// stream is closed. After RequestWrite that may be nothing.
func (s *Stream) Run(write func(p []byte) error) {
	for {
		s.mu.Lock()
		s.writing = false
		for len(s.pending) == 0 && !s.writeRequested && s.err == nil {
			s.ready.Wait()
		}
		s.writing, s.writeRequested = true, false
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

// Close ends Run. What was not written yet is lost.
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

// push writes what is queued, or wakes Run for it and returns true.
func (s *Stream) push() (woke bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tryWrite != nil && !s.writing && !s.writeRequested && s.err == nil && len(s.pending) > 0 {
		var written int
		written, s.writeRequested = s.tryWrite(s.pending)
		s.pending = s.pending[:copy(s.pending, s.pending[written:])]
	}
	if len(s.pending) > 0 || s.writeRequested {
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
