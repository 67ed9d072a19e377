//go:build linux && !race

package signaling

import (
	"syscall"
	"unsafe"
)

// These are the system's calls for what never blocks. Package syscall's own
// tell the scheduler that the thread may be away for long, which after each
// idle moment wakes the runtime's watcher: that costs more than the call.

func readNow(fd uintptr, p []byte) (int, error) {
	return callNow(syscall.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p)) //nolint:gosec // G103: as syscall does
}

func writeNow(fd uintptr, p []byte) (int, error) {
	return callNow(syscall.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p)) //nolint:gosec // G103: as syscall does
}

func callNow(number, fd uintptr, p unsafe.Pointer, size int) (int, error) {
	n, _, fault := syscall.RawSyscall(number, fd, uintptr(p), uintptr(size))
	if fault != 0 {
		return 0, fault
	}
	return int(n), nil
}
