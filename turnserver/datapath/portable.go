package datapath

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"callbox/internal/netaddr"
)

// portableConn is a packetConn that works on every system: a goroutine receives one datagram
// after the other, and each send is a system call of its caller.
type portableConn struct {
	path *Path
	conn net.PacketConn
	udp  *net.UDPConn // conn; nil = it is not a socket of the operating system
	// arrivals: the kernel reports the local address that a datagram was sent to.
	hasPktinfo bool
	control    []byte

	mu       sync.Mutex
	closing  chan struct{}
	started  bool
	isClosed bool
	onClosed func()
}

func newPortableConn(p *Path, conn net.PacketConn, buffer int) *portableConn {
	if sized, ok := conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		if err := sized.SetReadBuffer(buffer); err != nil {
			p.log.Debug("receive buffer", "err", err)
		}
	}
	c := &portableConn{path: p, conn: conn, closing: make(chan struct{})}
	c.udp, _ = conn.(*net.UDPConn)
	if c.udp != nil && netaddr.AddrPort(conn.LocalAddr()).Addr().IsUnspecified() {
		if err := enablePktinfo(c.udp); err != nil {
			p.log.Debug("arrival addresses", "err", err)
		} else {
			c.hasPktinfo, c.control = true, make([]byte, controlBytes)
		}
	}
	return c
}

func (c *portableConn) destination(addr netip.AddrPort, from netip.Addr) destination {
	return destination{addr: addr, from: from}
}

func (c *portableConn) start(owner owner) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed {
		return net.ErrClosed
	}
	c.started = true
	go c.read(owner)
	return nil
}

// read receives until the socket is closed, by close or by somebody else.
func (c *portableConn) read(owner owner) {
	defer c.end()
	buffer := make([]byte, headroom+maxDatagram+tailroom)
	d := &directSink{path: c.path}
	var (
		n    int
		from netip.AddrPort
		at   netip.Addr
		k    = new(packet)
	)
	receive := func() (err error) {
		n, from, at, err = c.receive(buffer[headroom : headroom+maxDatagram])
		return err
	}
	for Retry(c.closing, c.path.log, receive) == nil { // else the socket is closed
		c.path.stats.batch(1)
		*k = packet{buffer: buffer, start: headroom, end: headroom + n}
		if owner.relay != nil {
			owner.relay.fromPeer(d, from, k)
		} else {
			owner.socket.receive(d, owner.socket.clients.get(from), from, at, k)
		}
	}
}

func (c *portableConn) receive(p []byte) (n int, from netip.AddrPort, at netip.Addr, err error) {
	switch {
	case c.hasPktinfo:
		var controls int
		n, controls, _, from, err = c.udp.ReadMsgUDPAddrPort(p, c.control)
		if err == nil {
			at = localAddrOf(c.control[:controls])
		}
		return n, netaddr.Unmap(from), at, err
	case c.udp != nil:
		n, from, err = c.udp.ReadFromUDPAddrPort(p)
		return n, netaddr.Unmap(from), at, err
	default:
		var addr net.Addr
		n, addr, err = c.conn.ReadFrom(p)
		return n, netaddr.AddrPort(addr), at, err
	}
}

func (c *portableConn) send(to *destination, head, body []byte, padding int) Drop {
	p, ok := joined(head, body)
	if !ok || padding > 0 {
		whole := wholes.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
		defer wholes.Put(whole)
		p = append(append((*whole)[:0], head...), body...)
		p = append(p, make([]byte, padding)...)
		*whole = p
	}
	var err error
	switch {
	case c.udp == nil:
		_, err = c.conn.WriteTo(p, net.UDPAddrFromAddrPort(to.addr))
	case c.hasPktinfo && to.from.IsValid():
		_, _, err = c.udp.WriteMsgUDPAddrPort(p, pktinfoFrom(to.from), to.addr)
	default:
		_, err = c.udp.WriteToUDPAddrPort(p, to.addr)
	}
	return dropOf(err)
}

// wholes are buffers for messages that are not contiguous in memory.
var wholes = sync.Pool{New: func() any { return new([]byte) }} //nolint:gochecknoglobals // a cache

func (c *portableConn) close(onClosed func()) {
	c.mu.Lock()
	started := c.started
	first := !c.isClosed
	if first {
		c.isClosed, c.onClosed = true, onClosed
		close(c.closing)
	}
	c.mu.Unlock()
	if !first {
		return
	}
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.path.log.Debug("close socket", "err", err)
	}
	if !started {
		onClosed()
	}
}

// end is called when the goroutine of read ends.
func (c *portableConn) end() {
	c.mu.Lock()
	onClosed := c.onClosed
	if onClosed == nil { // somebody else has closed the socket
		c.started = false
	}
	c.mu.Unlock()
	if onClosed != nil {
		onClosed()
	}
}

func (c *portableConn) setDontFragment(on bool) error {
	if c.udp == nil {
		return errors.ErrUnsupported
	}
	return setDontFragment(c.udp, on)
}

func (c *portableConn) measure()          {}
func (c *portableConn) overflows() uint64 { return 0 }

// dropOf returns the reason for an error of a send.
func dropOf(err error) Drop {
	switch {
	case err == nil:
		return Sent
	case errors.Is(err, net.ErrClosed):
		return ClientGone
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return dropOfErrno(errno)
	}
	return Unreachable
}

func dropOfErrno(errno syscall.Errno) Drop {
	switch errno {
	case 0:
		return Sent
	case syscall.EAGAIN, syscall.ENOBUFS, syscall.ENOMEM:
		return SendBuffer
	case syscall.EMSGSIZE:
		return TooLong
	default:
		return Unreachable
	}
}
