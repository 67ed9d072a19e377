package rawio

import (
	"syscall"
	"unsafe"
)

// EpollWait waits for at most so many milliseconds, and returns how many events there
// are. It is a raw system call: the scheduler does not know that the thread waits, and
// runs nothing else on its processor meanwhile. An event is overwritten by the next call.
func EpollWait(fd int, events []syscall.EpollEvent, milliseconds int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(milliseconds), 0, 0) //nolint:gosec // G103, G115: as syscall does
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
