package signaling

import (
	"net"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, see tcp(7). It is not set on the
// listening socket, whose connections inherit it only without Multipath TCP.
const tcpUserTimeout = 18

// boundUnacked sets unackedWait for a connection, if that can be done: without
// it, the connection only ends later.
func boundUnacked(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unackedWait.Milliseconds()))
	})
}
