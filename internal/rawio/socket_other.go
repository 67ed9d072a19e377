//go:build !unix

package rawio

func (s *Socket) init() {}

// ReadBuffer is as on Unix, but needs two reads.
func (s *Socket) ReadBuffer(b *Buffer) (*Buffer, error) { return ReadBuffer(s.Conn, b) }

// TryWrite takes nothing: every write may wait.
func (s *Socket) TryWrite([]byte) (int, error) { return 0, nil }

// Shutdown closes the connection.
func (s *Socket) Shutdown() { _ = s.Close() } // fails only when it is closed already
