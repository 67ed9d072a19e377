//go:build unix

package accept

import (
	"net"
	"syscall"
)

// discardArrived reads what the client has sent so far, as far as it goes
// without waiting.
func discardArrived(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	var buffer [4 << 10]byte
	_ = raw.Control(func(fd uintptr) { // fails only when it is closed
		_, _ = syscall.Read(int(fd), buffer[:]) // an error comes again with the write
	})
}
