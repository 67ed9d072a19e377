//go:build unix

package signaling

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// rawConn returns what writeRaw needs, or nil when conn has no socket of its
// own, as with TLS.
func rawConn(conn net.Conn) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// writeRaw writes what the socket takes without waiting, maybe nothing.
func writeRaw(raw syscall.RawConn, p []byte) (n int, err error) {
	controlErr := raw.Write(func(fd uintptr) bool {
		for n < len(p) {
			var wrote int
			wrote, err = syscall.Write(int(fd), p[n:]) // the runtime's sockets never block
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case errors.Is(err, syscall.EAGAIN):
				err = nil
				return true
			case err != nil:
				return true
			case wrote == 0:
				err = io.ErrUnexpectedEOF
				return true
			}
			n += wrote
		}
		return true
	})
	if err == nil {
		err = controlErr
	}
	return n, err
}
