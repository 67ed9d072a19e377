package datapath

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"callbox/turnserver/wire"
)

const (
	// receiveBuffer is the size of the receive buffer, in bytes, that the kernel is asked
	// for, for each Socket: it receives for many clients.
	receiveBuffer = 4 << 20
	// controlQueue bounds how many control messages wait to be read, and maxControl the
	// length of each, in bytes.
	controlQueue = 512
	maxControl   = 4096
)

// Socket is a UDP socket that clients send to.
type Socket struct {
	path        *Path
	conn        packetConn
	engine      *engine // nil: a goroutine of its own reads the socket
	local       net.Addr
	clients     *table[Relay]
	control     chan message
	interrupts  chan struct{}
	closing     chan struct{}
	closeOnce   sync.Once
	onlyBinding bool // all other messages are dropped
	describe    atomic.Pointer[func(at netip.Addr) (origin, other netip.AddrPort)]

	// These hold the answer to a Binding request, for the goroutine that reads.
	answer   [maxBinding]byte
	answerTo destination
}

// maxBinding bounds the answer to a plain Binding request, in bytes.
const maxBinding = 128

// message is a control message, the client that sent it, and the local address that it was
// sent to.
type message struct {
	bytes []byte
	from  netip.AddrPort
	at    netip.Addr
}

// Socket serves clients at conn, which it takes over and closes also on an error. Several
// sockets may be bound to the same address (SO_REUSEPORT): then the kernel spreads clients
// over them. The caller reads control messages with ReadControl, and ends with Close.
func (p *Path) Socket(udp net.PacketConn) (*Socket, error) { return p.openSocket(udp, false) }

// BindingSocket is Socket for a socket that only answers plain Binding requests: its ReadControl never
// returns a message.
func (p *Path) BindingSocket(udp net.PacketConn) (*Socket, error) { return p.openSocket(udp, true) }

func (p *Path) openSocket(udp net.PacketConn, onlyBinding bool) (*Socket, error) {
	local := udp.LocalAddr()
	conn, e, err := p.openConn(udp, p.nextEngine(), receiveBuffer)
	if err != nil {
		return nil, err
	}
	s := &Socket{
		path: p, conn: conn, engine: e, local: local, onlyBinding: onlyBinding, clients: newTable[Relay](),
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
		conn.close(func() {})
		return nil, net.ErrClosed
	}
	if err := conn.start(owner{socket: s}); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() net.Addr { return s.local }

// Describe adds RESPONSE-ORIGIN and OTHER-ADDRESS (RFC 5780 section 7) to the answers to plain
// Binding requests, unless describe returns invalid ones for the local address that a request
// was sent to. describe is called for every request, and must neither block nor allocate.
func (s *Socket) Describe(describe func(at netip.Addr) (origin, other netip.AddrPort)) {
	s.describe.Store(&describe)
}

// ReadControl waits for the next control message and copies up to len(p) bytes of it to p.
// It returns how many that were, the client that sent it, and the local address that it was
// sent to, which is invalid unless the socket is bound to every address. After an Interrupt
// n is 0, once. The only error is net.ErrClosed, after Close.
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

// Interrupt makes ReadControl return without a message, now or at its next call. It never
// waits.
func (s *Socket) Interrupt() {
	select {
	case s.interrupts <- struct{}{}:
	default: // ReadControl has not seen the previous one yet
	}
}

// WriteTo sends a message to a client from at, the local address that the client has sent to.
// It may be called from any goroutine. What the kernel does not take is lost, as datagrams
// may be; the only error is net.ErrClosed.
func (s *Socket) WriteTo(p []byte, to netip.AddrPort, at netip.Addr) error {
	where := s.conn.destination(to, at)
	cause := s.conn.send(&where, nil, p, 0)
	s.path.stats.drop(cause)
	if cause == ClientGone {
		return net.ErrClosed
	}
	return nil
}

// Close closes the socket. The relays of its clients stay, but no longer reach them.
func (s *Socket) Close() {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.conn.close(func() {
			p := s.path
			p.mu.Lock()
			delete(p.sockets, s)
			p.overflows += s.conn.overflows()
			p.mu.Unlock()
			p.work.Done()
		})
	})
}

// receive handles a datagram of a client whose relay is r; nil = it has none.
func (s *Socket) receive(o packetSink, r *Relay, from netip.AddrPort, at netip.Addr, k *packet) {
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
	default: // fromClient has handled it
	}
}

// answerBinding answers a plain Binding request with the address that it came from.
func (s *Socket) answerBinding(m wire.Message, from netip.AddrPort, at netip.Addr, o packetSink) {
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
	s.answerTo = s.conn.destination(from, at)
	stats.drop(s.conn.send(&s.answerTo, nil, answer, 0))
	stats.bindings.Add(1)
}

// enqueue queues a control message for ReadControl, or drops it when the queue is full or nobody reads it.
func (s *Socket) enqueue(p []byte, from netip.AddrPort, at netip.Addr) {
	if len(p) > maxControl || s.onlyBinding {
		s.path.stats.drop(Malformed)
		return
	}
	select {
	case s.control <- message{bytes: append([]byte(nil), p...), from: from, at: at}:
	default:
		s.path.stats.drop(ControlQueue)
	}
}
