package signaling

import (
	"net"
	"sync/atomic"

	"callbox/internal/rawio"
)

// rawStream is a socket of the operating system. It holds no buffer while it waits for
// bytes.
type rawStream struct {
	*rawio.Socket
	aborted atomic.Bool
}

// newRawStream returns nil when conn is not a socket of the operating system.
func newRawStream(conn net.Conn) *rawStream {
	socket := rawio.NewSocket(conn)
	if socket == nil {
		return nil
	}
	return &rawStream{Socket: socket}
}

func (s *rawStream) read() (*rawio.Buffer, error) {
	b, err := s.ReadBuffer(nil)
	if s.aborted.Load() {
		if b != nil {
			b.Free()
		}
		return nil, net.ErrClosed
	}
	return b, err
}

func (s *rawStream) seal(batch *[]byte) (*[]byte, error) { return batch, nil }
func (s *rawStream) pending() bool                       { return false }
func (s *rawStream) writeNow(p []byte) (int, error)      { return s.TryWrite(p) }
func (s *rawStream) write(p []byte) (int, error)         { return s.Write(p) }
func (s *rawStream) close()                              { _ = s.Close() } // fails only when closed already

// abort leaves the descriptor open for the reader, who alone knows when nobody asks for it
// any more: reading ends with net.ErrClosed.
func (s *rawStream) abort() {
	s.aborted.Store(true)
	s.Shutdown()
}
