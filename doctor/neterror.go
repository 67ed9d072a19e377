package doctor

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// isRefused reports whether the other machine has said that nothing listens on a port.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// shortError returns the cause of a network error, without addresses.
func shortError(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no answer in time"
	}
	return err.Error()
}

// sentence returns an error as one.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
