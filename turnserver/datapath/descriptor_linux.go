package datapath

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"callbox/internal/netaddr"
)

// descriptor is a socket that an engine receives from. Every system call on its file
// descriptor holds a reference. So the number is closed, and can be reused for another
// socket, only when nobody is about to use it.
type descriptor struct {
	engine     *engine
	fd         int
	is6        bool
	hasPktinfo bool // the kernel reports the local address that a datagram was sent to
	owner      owner

	// refs counts the calls under way, and one more until close.
	refs       atomic.Int32
	overflowed atomic.Uint32

	mu       sync.Mutex
	watched  bool // the engine receives from it
	isClosed bool
	onClosed func()

	// These belong to the engine's goroutine.
	batchSize int    // how many datagrams the next call asks for
	round     uint64 // the last one in which the engine received from it
}

// newDescriptor takes a socket over, which it closes. Its duplicate is unknown to Go's
// poller, which would wake up for every datagram in vain.
func (e *engine) newDescriptor(conn *net.UDPConn, buffer int) (*descriptor, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var failed error
	err = raw.Control(func(original uintptr) {
		fd, failed = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	wildcard := netaddr.AddrPort(conn.LocalAddr()).Addr().IsUnspecified()
	if wildcard {
		if err := enablePktinfo(conn); err != nil {
			e.path.log.Debug("arrival addresses", "err", err)
		}
	}
	d := &descriptor{engine: e, fd: fd, hasPktinfo: wildcard, batchSize: 1}
	d.refs.Store(1)
	d.is6, err = isIPv6(fd)
	// From here on the duplicate keeps the socket open.
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer); err != nil {
		e.path.log.Debug("receive buffer", "err", err)
	}
	if !e.path.config.NoOffload {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1); err != nil {
			e.path.log.Debug("coalesced datagrams", "err", err) // a kernel before 5.0
		}
	}
	return d, nil
}

// acquire takes a reference, which release gives back. It returns false when the
// descriptor is closed.
func (d *descriptor) acquire() bool {
	for {
		n := d.refs.Load()
		if n == 0 {
			return false
		}
		if d.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (d *descriptor) release() {
	if d.refs.Add(-1) > 0 {
		return
	}
	if err := unix.Close(d.fd); err != nil {
		d.engine.path.log.Debug("close socket", "err", err)
	}
	d.onClosed()
}

func (d *descriptor) start(owner owner) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isClosed {
		return net.ErrClosed
	}
	d.owner = owner
	if err := d.engine.watch(d); err != nil {
		return err
	}
	d.watched = true
	return nil
}

func (d *descriptor) close(onClosed func()) {
	d.mu.Lock()
	first, watched := !d.isClosed, d.watched
	if first {
		d.isClosed, d.onClosed = true, onClosed
	}
	d.mu.Unlock()
	if !first {
		return
	}
	if watched {
		d.engine.unwatch(d)
	}
	d.measure()
	d.release()
}

func (d *descriptor) send(to *destination, head, body []byte, padding int) Drop {
	if !d.acquire() {
		return ClientGone
	}
	defer d.release()
	if p, ok := joined(head, body); ok && padding == 0 && to.name.controlLen == 0 {
		return dropOfErrno(sendTo(d.fd, p, &to.name))
	}
	o := outgoings.Get().(*outgoing) //nolint:forcetypeassert // nothing else is put there
	defer outgoings.Put(o)
	return dropOfErrno(sendOne(d.fd, o.message(to, head, body, padding)))
}

// outgoing is a datagram in the form of sendmsg(2).
type outgoing struct {
	header  unix.Msghdr
	vectors [3]unix.Iovec
	name    sockaddr
	padding [4]byte
}

var outgoings = sync.Pool{New: func() any { return new(outgoing) }} //nolint:gochecknoglobals // a cache

func (o *outgoing) message(to *destination, head, body []byte, padding int) *unix.Msghdr {
	o.name = to.name
	n := 0
	for _, part := range [3][]byte{head, body, o.padding[:padding]} {
		if len(part) > 0 {
			o.vectors[n].Base = &part[0]
			o.vectors[n].SetLen(len(part))
			n++
		}
	}
	o.header = unix.Msghdr{Name: &o.name.raw[0], Namelen: uint32(o.name.rawLen), Iov: &o.vectors[0]}
	o.header.SetIovlen(n)
	if o.name.controlLen > 0 {
		o.header.Control = &o.name.control[0]
		o.header.SetControllen(int(o.name.controlLen))
	}
	return &o.header
}

func (d *descriptor) setDontFragment(on bool) error {
	if !d.acquire() {
		return net.ErrClosed
	}
	defer d.release()
	return discoverMTU(d.fd, on)
}

func (d *descriptor) measure() {
	if !d.acquire() {
		return
	}
	defer d.release()
	const drops = 8 // SK_MEMINFO_DROPS
	if info, errno := memoryInfo(d.fd); errno == 0 {
		d.overflowed.Store(info[drops])
	}
}

func (d *descriptor) overflows() uint64 { return uint64(d.overflowed.Load()) }
