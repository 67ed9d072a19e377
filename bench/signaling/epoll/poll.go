//go:build linux

// Package epoll is what the load generator and the raw relay have in common:
// sockets that never block, one epoll instance, and the frames of RFC 6455.
package epoll

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxFD bounds the file descriptors of a process here, and so the tables that
// are indexed by them.
const MaxFD = 1 << 16

// Poller waits for sockets, level-triggered. It belongs to one goroutine.
type Poller struct {
	fd     int
	events []unix.EpollEvent
}

// New makes a poller. It is closed with the process.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &Poller{fd: fd, events: make([]unix.EpollEvent, 1024)}, nil
}

// Add watches fd for input, and for room to write if asked. A socket that is
// closed needs no removal.
func (p *Poller) Add(fd int, write bool) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, write)
}

// Modify changes what fd is watched for.
func (p *Poller) Modify(fd int, write bool) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, write)
}

// Remove watches fd for nothing any more.
func (p *Poller) Remove(fd int) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

func (p *Poller) control(operation, fd int, write bool) error {
	events := uint32(unix.EPOLLIN)
	if write {
		events |= unix.EPOLLOUT
	}
	//nolint:gosec // G115: a file descriptor is far smaller
	return unix.EpollCtl(p.fd, operation, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// Wait returns what is ready, at most 1,024 at a time, after ms milliseconds
// at the latest; -1 waits for ever. The result is valid until the next call.
func (p *Poller) Wait(ms int) ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return p.events[:max(n, 0)], err
}

// WaitFor is Wait with a time to the nanosecond (epoll_pwait2(2), Linux 5.11);
// 0 does not wait. The scheduler of Go does not hear of it: it is for programs
// whose one thread does everything.
func (p *Poller) WaitFor(most time.Duration) ([]unix.EpollEvent, error) {
	limit := unix.NsecToTimespec(int64(most))
	n, _, fault := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), //nolint:gosec // G103: as the call wants it
		uintptr(len(p.events)), uintptr(unsafe.Pointer(&limit)), 0, 0) //nolint:gosec // G103: as the call wants it
	if fault != 0 {
		if fault == unix.EINTR {
			return nil, nil
		}
		return nil, fault
	}
	return p.events[:n], nil
}

// Connect begins a TCP connection to an IPv4 address, from an address of this
// machine or any (the zero Addr), without Nagle's delay, and with a receive
// buffer of so many bytes, or the system's own (0). It is open, or has failed,
// once there is room to write.
func Connect(from netip.Addr, to netip.AddrPort, receive int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && from.IsValid() {
		// The port is chosen in connect, where one that serves another address is free.
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}),
		)
	}
	if err == nil && receive > 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd) // the fault before matters more
		return -1, err
	}
	return fd, nil
}

// Listen serves TCP at an IPv4 address, with a backlog of 4,096, and returns
// the socket and where it is bound.
func Listen(at netip.AddrPort) (int, netip.AddrPort, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
		unix.Listen(fd, 4096),
	)
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	v4, ok := bound.(*unix.SockaddrInet4)
	if err != nil || !ok {
		_ = unix.Close(fd) // the fault before matters more
		return -1, netip.AddrPort{}, err
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), nil //nolint:gosec // G115: a port fits
}

// Accept takes the next connection; unix.EAGAIN = there is none.
func Accept(listener int) (int, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, err
	}
	return fd, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// Fault returns the pending error of a socket, such as a refused connection.
func Fault(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}
