package turnserver

import (
	"net"
	"syscall"
)

// waiter reads from a connection, and holds a buffer only once there is
// something to read. One goroutine uses it.
type waiter struct {
	conn net.Conn
	raw  syscall.RawConn // nil: it is no socket of the system's

	buffer *streamBuffer
	err    error
}

func newWaiter(conn net.Conn) waiter {
	w := waiter{conn: conn}
	if socket, ok := conn.(*net.TCPConn); ok && readsRaw {
		w.raw, _ = socket.SyscallConn() // fails only when it is closed, which a read will tell
	}
	return w
}

// read waits, and returns b with what has arrived behind what it holds; b may be
// nil. With an error it returns b as it was.
func (w *waiter) read(b *streamBuffer) (*streamBuffer, error) {
	if w.raw != nil {
		return w.readRaw(b)
	}
	if b == nil {
		var first [1]byte
		n, err := w.conn.Read(first[:])
		if n == 0 {
			return nil, err
		}
		b = newStreamBuffer()
		b.bytes[0], b.end = first[0], 1
		return b, nil
	}
	n, err := w.conn.Read(b.bytes[b.end:])
	b.end += n
	if n > 0 {
		err = nil // it comes again
	}
	return b, err
}

// readRaw is read for a socket.
func (w *waiter) readRaw(b *streamBuffer) (*streamBuffer, error) {
	w.buffer, w.err = b, nil
	err := w.raw.Read(w.try)
	if err == nil {
		err = w.err
	}
	b, w.buffer = w.buffer, nil
	return b, err
}
