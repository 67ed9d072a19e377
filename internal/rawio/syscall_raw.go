//go:build linux && !race

package rawio

import (
	"syscall"
	"unsafe"
)

// These are system calls for sockets that never block, as those of the runtime are.
// Package syscall's own tell the scheduler that the thread may be away for long, which
// after each idle moment wakes the runtime's monitor thread: that costs more than the
// call, and where packets come one by one it is another thread for each of them.

func read(fd uintptr, p []byte) (int, error) {
	return call(syscall.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p)) //nolint:gosec // G103: as syscall does
}

func write(fd uintptr, p []byte) (int, error) {
	return call(syscall.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p)) //nolint:gosec // G103: as syscall does
}

func call(number, fd uintptr, p unsafe.Pointer, size int) (int, error) {
	n, _, errno := syscall.RawSyscall(number, fd, uintptr(p), uintptr(size))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
