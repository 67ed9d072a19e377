//go:build unix

package rawio

import (
	"errors"
	"io"
	"syscall"
)

func (s *Socket) init() { s.tryRead, s.tryWrite = s.readOnce, s.writeOnce }

// ReadBuffer waits until there is something to read, and returns b with it behind what
// b holds; b may be nil, and no buffer is borrowed while it waits. With an error, io.EOF
// at the end, it returns b as it was.
func (s *Socket) ReadBuffer(b *Buffer) (*Buffer, error) {
	s.buffer, s.readErr = b, nil
	err := s.raw.Read(s.tryRead)
	if err == nil {
		err = s.readErr
	}
	b, s.buffer = s.buffer, nil
	return b, err
}

// readOnce reports whether there was something to read, or an error.
func (s *Socket) readOnce(fd uintptr) bool {
	s.buffer, s.readErr = Receive(fd, s.buffer)
	return !errors.Is(s.readErr, syscall.EAGAIN)
}

// Receive reads once from the socket fd, which must not block, and returns b with what
// has come behind what b holds; b may be nil, and a buffer is borrowed only if something
// has come. With an error it returns b as it was: syscall.EAGAIN when there is nothing to
// read yet, and io.EOF at the end.
func Receive(fd uintptr, b *Buffer) (*Buffer, error) {
	into := b
	if into == nil {
		into = NewBuffer()
	}
	n, err := read(fd, into.Bytes[into.End:])
	for errors.Is(err, syscall.EINTR) {
		n, err = read(fd, into.Bytes[into.End:])
	}
	if n > 0 {
		into.End += n
		return into, nil
	}
	if b == nil {
		into.Free()
	}
	if err == nil {
		err = io.EOF
	}
	return b, err
}

// TryWrite writes what the socket takes without waiting, and returns how many bytes of p
// that was.
func (s *Socket) TryWrite(p []byte) (int, error) {
	s.unsent, s.writeErr = p, nil
	err := s.raw.Control(s.tryWrite)
	if err == nil {
		err = s.writeErr
	}
	n := len(p) - len(s.unsent)
	s.unsent = nil
	return n, err
}

// writeOnce calls write(2) once: when that takes less than all, the socket is full.
func (s *Socket) writeOnce(fd uintptr) {
	if len(s.unsent) == 0 {
		return
	}
	n, err := write(fd, s.unsent)
	for errors.Is(err, syscall.EINTR) {
		n, err = write(fd, s.unsent)
	}
	switch {
	case n > 0:
		s.unsent = s.unsent[n:]
	case err == nil:
		s.writeErr = io.ErrUnexpectedEOF
	case !errors.Is(err, syscall.EAGAIN):
		s.writeErr = err
	}
}

// Shutdown ends the connection in both directions and wakes whoever waits in it. The
// descriptor stays open until Close, which must follow.
func (s *Socket) Shutdown() {
	_ = s.raw.Control(func(fd uintptr) {
		_ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) // fails only when it has ended already
	})
}
