//go:build unix

package turnserver

import (
	"errors"
	"net"
	"syscall"
)

// socketWriter writes to a TCP socket what goes without waiting. Its user sees to it
// that nobody else writes meanwhile.
type socketWriter struct {
	raw syscall.RawConn
	try func(fd uintptr) // made once, for it allocates

	bytes   []byte
	written int
}

// newSocketWriter returns nil for what is no TCP socket of the system's.
func newSocketWriter(conn net.Conn) *socketWriter {
	socket, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil // it is closed, which the next write will tell
	}
	w := &socketWriter{raw: raw}
	w.try = func(fd uintptr) { w.written = writeSome(fd, w.bytes) }
	return w
}

// write returns how much of p the socket took.
func (w *socketWriter) write(p []byte) int {
	w.bytes, w.written = p, 0
	_ = w.raw.Control(w.try) // fails when it is closed: nothing was written then
	w.bytes = nil
	return w.written
}

// writeSome returns how much of p the socket took.
func writeSome(fd uintptr, p []byte) int {
	n, err := writeNow(fd, p)
	for errors.Is(err, syscall.EINTR) {
		n, err = writeNow(fd, p)
	}
	return max(n, 0) // an error comes again with the next write
}
