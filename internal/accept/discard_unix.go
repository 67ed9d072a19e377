//go:build unix

package accept

import (
	"net"
	"syscall"
)

// discardArrived reads what the client has sent so far, up to 4 KiB, without waiting.
func discardArrived(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	var buffer [4 << 10]byte
	_ = raw.Control(func(fd uintptr) { // fails only if it is closed
		_, _ = syscall.Read(int(fd), buffer[:]) // an error occurs again in the write
	})
}
