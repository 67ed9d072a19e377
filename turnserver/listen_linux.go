package turnserver

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

const canShare = true

// sharePort lets several sockets of the same user be bound to one address (socket(7)).
func sharePort(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}
