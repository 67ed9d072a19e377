package datapath

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"callbox/turnserver/wire"
)

const (
	// receiveBuffer is asked of the kernel for each socket of clients: it
	// receives for all of them.
	receiveBuffer = 4 << 20
	// controlQueue bounds the control messages that wait to be read, and
	// maxControl the length of each.
	controlQueue = 512
	maxControl   = 4096
)

// Socket is a UDP socket that clients send to.
type Socket struct {
	path       *Path
	port       port
	engine     *engine // nil: a goroutine of its own reads it
	local      net.Addr
	clients    *table[Relay]
	control    chan message
	interrupts chan struct{}
	closing    chan struct{}
	once       sync.Once
	describe   atomic.Pointer[func(at netip.Addr) (origin, other netip.AddrPort)]

	// What is sent in place belongs to the goroutine that reads.
	answer   [maxBinding]byte
	answered destination
}

// maxBinding bounds the answer to a plain Binding request.
const maxBinding = 128

// message is a control message, and the addresses it came from and to.
type message struct {
	bytes []byte
	from  netip.AddrPort
	at    netip.Addr
}

// Socket has clients served at conn, which belongs to the path from then on and
// is closed also when there is an error. One of several sockets for the same
// address (SO_REUSEPORT) gets the clients that the kernel gives it.
func (p *Path) Socket(conn net.PacketConn) (*Socket, error) {
	local := conn.LocalAddr()
	port, e, err := p.openPort(conn, p.nextEngine(), receiveBuffer)
	if err != nil {
		return nil, err
	}
	s := &Socket{
		path: p, port: port, engine: e, local: local, clients: newTable[Relay](),
		control: make(chan message, controlQueue), interrupts: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.sockets[s] = struct{}{}
		p.work.Add(1)
	}
	p.mu.Unlock()
	if closed {
		port.close(func() {})
		return nil, net.ErrClosed
	}
	if err := port.start(source{socket: s}); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() net.Addr { return s.local }

// Describe has answers to plain Binding requests tell RESPONSE-ORIGIN and
// OTHER-ADDRESS, where what is asked for returns them for the address that a
// request was sent to, as ReadControl tells it. It is called for every request,
// and must neither block nor allocate.
func (s *Socket) Describe(describe func(at netip.Addr) (origin, other netip.AddrPort)) {
	s.describe.Store(&describe)
}

// ReadControl waits for the next control message and copies it to p: n of its
// bytes, the client that sent it, and the address of ours that it was sent to,
// which is not valid unless the socket is bound to every address. After an
// Interrupt n is 0, once. The error is net.ErrClosed, at the end.
func (s *Socket) ReadControl(p []byte) (n int, from netip.AddrPort, at netip.Addr, err error) {
	select {
	case m := <-s.control:
		return copy(p, m.bytes), m.from, m.at, nil
	case <-s.interrupts:
		return 0, netip.AddrPort{}, netip.Addr{}, nil
	case <-s.closing:
		return 0, netip.AddrPort{}, netip.Addr{}, net.ErrClosed
	}
}

// Interrupt has ReadControl return without a message, now or when it is called
// next. It never waits.
func (s *Socket) Interrupt() {
	select {
	case s.interrupts <- struct{}{}:
	default: // the one before has not been seen yet
	}
}

// WriteTo sends a message to a client from the address that it has asked at. It
// may be called from any goroutine. What the kernel does not take is lost, as
// datagrams may be.
func (s *Socket) WriteTo(p []byte, to netip.AddrPort, at netip.Addr) error {
	where := s.port.destination(to, at)
	cause := s.port.send(&where, nil, p, 0)
	s.path.stats.drop(cause)
	if cause == ClientGone {
		return net.ErrClosed
	}
	return nil
}

// Close closes the socket; relays of its clients stay, but reach them no more.
func (s *Socket) Close() {
	s.once.Do(func() {
		close(s.closing)
		s.port.close(func() {
			p := s.path
			p.mu.Lock()
			delete(p.sockets, s)
			p.overflows += s.port.overflows()
			p.mu.Unlock()
			p.work.Done()
		})
	})
}

// receive handles a datagram of a client, whose relay is r.
func (s *Socket) receive(o outlet, r *Relay, from netip.AddrPort, at netip.Addr, k *packet) {
	p := k.bytes()
	switch s.path.fromClient(o, r, k) {
	case kindBinding:
		m, err := wire.Parse(p)
		switch {
		case err != nil || !m.CheckFingerprint():
			s.path.stats.drop(Malformed)
		case isPlain(m):
			s.answerBinding(m, from, at, o)
		default:
			s.enqueue(p, from, at)
		}
	case kindControl:
		s.enqueue(p, from, at)
	default: // it is done with
	}
}

// answerBinding tells a client the address that it is seen at.
func (s *Socket) answerBinding(m wire.Message, from netip.AddrPort, at netip.Addr, o outlet) {
	stats := &s.path.stats
	id := m.TransactionID()
	if limit := s.path.config.Unauthenticated; limit != nil && !limit.Answer(o.now(), from, id[:]) {
		stats.drop(AnswerRate)
		return
	}
	var origin, other netip.AddrPort
	if describe := s.describe.Load(); describe != nil {
		origin, other = (*describe)(at)
	}
	answer := wire.AppendBindingSuccess(s.answer[:0], m, from, origin, other)
	s.answered = s.port.destination(from, at)
	stats.drop(s.port.send(&s.answered, nil, answer, 0))
	stats.bindings.Add(1)
}

// enqueue hands a control message over, if there is room.
func (s *Socket) enqueue(p []byte, from netip.AddrPort, at netip.Addr) {
	if len(p) > maxControl {
		s.path.stats.drop(Malformed)
		return
	}
	select {
	case s.control <- message{bytes: append([]byte(nil), p...), from: from, at: at}:
	default:
		s.path.stats.drop(ControlQueue)
	}
}
