//go:build linux

// Package datagram has what the load generator and the forwarder share: they send and
// receive batches of datagrams with raw system calls, over IPv4, without garbage.
package datagram

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is the mmsghdr of recvmmsg(2).
type message struct {
	header unix.Msghdr
	bytes  uint32
}

// controlBytes is the space for one control message with a number.
const controlBytes = 24

// Listen returns a non-blocking socket that is bound to at. buffer is the size of its send
// and receive buffers in bytes; 0 = the system's default.
func Listen(at netip.AddrPort, buffer int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if buffer > 0 {
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, buffer),
		)
	}
	if err = errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// Bound returns the address to which a socket is bound.
func Bound(fd int) (netip.AddrPort, error) {
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	v4, ok := bound.(*unix.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}, unix.EAFNOSUPPORT
	}
	return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), nil //nolint:gosec // G115: a port fits
}

// Coalesce makes the kernel coalesce the datagrams that arrive (UDP_GRO).
func Coalesce(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) }

// RawAddr returns an address in the kernel's format.
func RawAddr(at netip.AddrPort) unix.RawSockaddrInet4 {
	return unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: at.Addr().As4(), Port: swap(at.Port())}
}

// swap converts a port to network byte order, and back.
func swap(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

// Key returns an address as a number.
func Key(at *unix.RawSockaddrInet4) uint64 {
	return uint64(binary.BigEndian.Uint32(at.Addr[:]))<<16 | uint64(swap(at.Port))
}

// system makes a raw system call, of which Go's scheduler does not know: in these programs,
// one thread does everything.
func system(number, a, b, c, d uintptr) (int, error) {
	for {
		n, _, fault := unix.RawSyscall6(number, a, b, c, d, 0, 0)
		if fault == unix.EINTR {
			continue
		}
		if fault != 0 {
			return 0, fault
		}
		return int(n), nil
	}
}

func pointer(m *message) uintptr { return uintptr(unsafe.Pointer(m)) } //nolint:gosec // G103: for the system calls
