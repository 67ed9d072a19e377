//nolint:gosec // unsafe is what this file is for; lengths are the kernel's own
package datapath

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These system calls never block, so they are made as raw ones: the scheduler need not
// prepare for a thread that sleeps. x/sys has none of them without allocations. This is
// the only file of the package with pointers that Go does not check: each is made in the
// call that it is for, to memory that outlives it.

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	n      uint32
	_      [wordBytes - 4]byte
}

const wordBytes = 4 << (^uint(0) >> 63)

// receiveOne receives one datagram into m.
func receiveOne(fd int, m *mmsghdr) syscall.Errno {
	n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.header)), unix.MSG_DONTWAIT)
	m.n = uint32(n)
	return errno
}

// receiveMany receives as many datagrams as there are, up to len(m), and returns how many.
func receiveMany(fd int, m []mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// sendTo sends p, which may be empty, to an address.
func sendTo(fd int, p []byte, to *sockaddr) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.raw)), uintptr(to.rawLen))
	return errno
}

func sendOne(fd int, m *unix.Msghdr) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return errno
}

// sendMany sends datagrams up to the first that fails, and returns how many.
func sendMany(fd int, m []mmsghdr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// memoryInfo reads SO_MEMINFO, whose ninth word counts the datagrams that were dropped.
func memoryInfo(fd int) (info [9]uint32, errno syscall.Errno) {
	length := uint32(unsafe.Sizeof(info))
	_, _, errno = syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&length)), 0)
	return info, errno
}
