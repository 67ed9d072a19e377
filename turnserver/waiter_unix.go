//go:build unix

package turnserver

import (
	"errors"
	"io"
	"syscall"
)

const readsRaw = true

// try reads once. It is done unless there is nothing to read yet.
func (w *waiter) try(fd uintptr) bool {
	b := w.buffer
	if b == nil {
		b = newStreamBuffer()
	}
	n, err := readNow(fd, b.bytes[b.end:])
	for errors.Is(err, syscall.EINTR) {
		n, err = readNow(fd, b.bytes[b.end:])
	}
	if n > 0 {
		b.end += n
		w.buffer = b
		return true
	}
	if w.buffer == nil {
		b.free()
	}
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	if w.err = err; err == nil {
		w.err = io.EOF
	}
	return true
}
