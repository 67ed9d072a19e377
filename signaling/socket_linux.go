package signaling

import (
	"syscall"
	"unsafe"
)

// pollNow returns how many of events epoll has. It is a raw system call, as those of
// readNow and writeNow.
func pollNow(fd int, events []syscall.EpollEvent) (int, error) {
	//nolint:gosec // G103: as syscall does
	n, _, fault := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if fault != 0 {
		return 0, fault
	}
	return int(n), nil
}
