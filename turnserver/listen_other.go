//go:build !linux

package turnserver

import (
	"errors"
	"syscall"
)

// canShare is false: other systems do not spread datagrams over the sockets of
// one address.
const canShare = false

func sharePort(string, string, syscall.RawConn) error { return errors.ErrUnsupported }
