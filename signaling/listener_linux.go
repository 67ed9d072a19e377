package signaling

import (
	"net"
	"syscall"

	"callbox/internal/rawio"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, see tcp(7).
const tcpUserTimeout = 18

// boundAccepted sets unackedWait for all connections of a listener at once, and reports
// whether they inherit it. Those of Multipath TCP do not.
func boundAccepted(l net.Listener) bool {
	bound := false
	controlSocket(l, func(fd int) {
		protocol, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_PROTOCOL)
		bound = err == nil && protocol == syscall.IPPROTO_TCP && setUserTimeout(fd) == nil
	})
	return bound
}

// deferAccept makes the listener accept connections only once they have data, or after a
// second.
func deferAccept(l net.Listener) {
	controlSocket(l, func(fd int) {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 1) // without it, accepting only takes longer
	})
}

// readArrived returns what has arrived on a connection, or nil.
func readArrived(s *rawStream) (b *rawio.Buffer) {
	_ = s.Control(func(fd uintptr) { b, _ = rawio.Receive(fd, nil) }) // errors come again
	return b
}

// boundUnacked sets unackedWait for a connection if possible: without it, the connection
// only ends later.
func boundUnacked(conn net.Conn) {
	controlSocket(conn, func(fd int) { _ = setUserTimeout(fd) })
}

func setUserTimeout(fd int) error {
	return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpUserTimeout, int(unackedWait.Milliseconds()))
}

// controlSocket calls f with the file descriptor of a listener or connection that has one.
func controlSocket(of any, f func(fd int)) {
	c, ok := of.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails only when closed already
	}
}
