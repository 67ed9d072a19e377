//go:build linux

// Package epoll has what the load generators and the floor share: non-blocking sockets,
// an epoll instance, and the frames of RFC 6455. The servers' internal/rawio is too
// little for them: its EpollWait has a resolution of milliseconds.
package epoll

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxFD is the upper limit of file descriptors, and so the size of tables that are
// indexed by them.
const MaxFD = 1 << 16

// Poller waits for sockets, level-triggered. Only one goroutine may use it.
type Poller struct {
	fd     int
	events []unix.EpollEvent
}

// New returns a poller. It is closed when the process ends.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &Poller{fd: fd, events: make([]unix.EpollEvent, 1024)}, nil
}

// Add watches fd until it is closed: for input, and with write also for output.
func (p *Poller) Add(fd int, write bool) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, write)
}

// Modify changes whether fd is also watched for output.
func (p *Poller) Modify(fd int, write bool) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, write)
}

// Remove stops watching fd.
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

// Wait waits for at most ms milliseconds, or without limit if ms is -1, and returns up to
// 1,024 events. They are valid until the next call.
func (p *Poller) Wait(ms int) ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return p.events[:max(n, 0)], err
}

// WaitFor is Wait with a resolution of nanoseconds (epoll_pwait2(2), Linux 5.11); with 0 it
// does not wait. It is a raw system call: Go's scheduler does not know that the thread
// waits. It is for programs in which one thread does everything.
func (p *Poller) WaitFor(timeout time.Duration) ([]unix.EpollEvent, error) {
	limit := unix.NsecToTimespec(int64(timeout))
	n, _, fault := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), //nolint:gosec // G103: for the system call
		uintptr(len(p.events)), uintptr(unsafe.Pointer(&limit)), 0, 0) //nolint:gosec // G103: for the system call
	if fault != 0 {
		if fault == unix.EINTR {
			return nil, nil
		}
		return nil, fault
	}
	return p.events[:n], nil
}

// Connect starts a TCP connection to an IPv4 address, with TCP_NODELAY, from a source
// address or any (the zero Addr). receive is the size of the receive buffer in bytes; 0 =
// the system's default. When the socket can be written, the connection is open or has
// failed: see Fault.
func Connect(from netip.Addr, to netip.AddrPort, receive int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && from.IsValid() {
		// So that the port is chosen by connect, which can use one port for several destinations.
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
		_ = unix.Close(fd) // the first error matters more
		return -1, err
	}
	return fd, nil
}

// Listen listens for TCP at an IPv4 address, with a backlog of 4,096. It returns the socket
// and its address.
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
		_ = unix.Close(fd) // the first error matters more
		return -1, netip.AddrPort{}, err
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), nil //nolint:gosec // G115: a port fits
}

// Accept accepts the next connection. It returns unix.EAGAIN if there is none.
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
