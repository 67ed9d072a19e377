package rawio

import (
	"net"
	"syscall"
)

// Socket is a connection of the operating system. One goroutine at a time reads from
// it, and one writes to it; every net.Conn method may be called as usual. Elsewhere
// than on Unix nothing can be written without waiting.
type Socket struct {
	net.Conn
	raw syscall.RawConn

	// These belong to the goroutine that reads.
	tryRead func(fd uintptr) bool // made once: each method value allocates
	buffer  *Buffer
	readErr error

	// These belong to the goroutine that writes.
	tryWrite func(fd uintptr) // made once, too
	unsent   []byte
	writeErr error
}

// NewSocket returns nil when conn is not a socket of the operating system, or is closed.
func NewSocket(conn net.Conn) *Socket {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	s := &Socket{Conn: conn, raw: raw}
	s.init()
	return s
}

// Control calls f with the file descriptor, which stays open meanwhile. It fails only
// when the connection is closed.
func (s *Socket) Control(f func(fd uintptr)) error { return s.raw.Control(f) }

// ReadBuffer waits until conn has something to read, and returns b with it behind what
// b holds. b may be nil: then a buffer is borrowed, and none while it waits. With an
// error it returns b as it was. For a [Socket] use its own method, which needs one read
// where this needs two.
func ReadBuffer(conn net.Conn, b *Buffer) (*Buffer, error) {
	if b == nil {
		var first [1]byte
		n, err := conn.Read(first[:])
		if n == 0 {
			return nil, err
		}
		b = NewBuffer()
		b.Bytes[0], b.End = first[0], 1
		return b, nil
	}
	n, err := conn.Read(b.Bytes[b.End:])
	b.End += n
	if n > 0 {
		err = nil // the next read returns it again
	}
	return b, err
}
