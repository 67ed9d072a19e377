//go:build unix

package signaling

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// rawStream is a socket of the system. Waiting for bytes holds no buffer: one
// is taken only once they are there.
type rawStream struct {
	conn  net.Conn
	raw   syscall.RawConn
	isCut atomic.Bool

	// Owned by the reader.
	tryRead func(fd uintptr) bool
	got     *readBuffer
	readErr error

	// Owned by who has the turn to write.
	tryWrite func(fd uintptr) bool
	rest     []byte
	writeErr error
}

// newRawStream returns nil when conn has no socket of its own.
func newRawStream(conn net.Conn) *rawStream {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	s := &rawStream{conn: conn, raw: raw}
	s.tryRead, s.tryWrite = s.readSocket, s.writeSocket // once, for it allocates
	return s
}

func (s *rawStream) read() (*readBuffer, error) {
	if err := s.raw.Read(s.tryRead); err != nil {
		return nil, err
	}
	b := s.got
	s.got = nil
	return b, s.readErr
}

// readSocket is done unless there is nothing to read yet.
func (s *rawStream) readSocket(fd uintptr) bool {
	if s.isCut.Load() {
		s.readErr = net.ErrClosed
		return true
	}
	b := readBuffers.get()
	for {
		n, err := readNow(fd, b.bytes[:]) // the runtime's sockets never block
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err == nil && n > 0:
			b.n, s.got, s.readErr = n, b, nil
			return true
		}
		readBuffers.put(b)
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if err == nil {
			err = io.EOF
		}
		s.readErr = err
		return true
	}
}

func (s *rawStream) seal(batch *[]byte) (*[]byte, error) { return batch, nil }
func (s *rawStream) owes() bool                          { return false }

func (s *rawStream) writeNow(p []byte) (int, error) {
	s.rest, s.writeErr = p, nil
	err := s.raw.Write(s.tryWrite)
	if s.writeErr != nil {
		err = s.writeErr
	}
	n := len(p) - len(s.rest)
	s.rest = nil
	return n, err
}

// writeSocket is always done: it does not wait.
func (s *rawStream) writeSocket(fd uintptr) bool {
	for len(s.rest) > 0 {
		n, err := writeNow(fd, s.rest)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return true
		case err == nil && n == 0:
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			s.writeErr = err
			return true
		}
		s.rest = s.rest[n:]
	}
	return true
}

func (s *rawStream) write(p []byte) (int, error) { return s.conn.Write(p) }
func (s *rawStream) finish()                     { _ = s.conn.Close() } // fails only when closed already

// cut leaves the socket to who reads: only he knows when nobody asks for it any
// more. He finds its end.
func (s *rawStream) cut() {
	s.isCut.Store(true)
	_ = s.raw.Control(func(fd uintptr) {
		_ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) // fails only when it has ended already
	})
}
