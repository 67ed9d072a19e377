//go:build !unix

package signaling

import (
	"errors"
	"net"
	"syscall"
)

// rawConn returns nil: here every write may wait, and a writer does it.
func rawConn(net.Conn) syscall.RawConn { return nil }

func writeRaw(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
