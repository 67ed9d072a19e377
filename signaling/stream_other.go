//go:build !unix

package signaling

import "net"

// rawStream stands for a plainStream: here every read holds a buffer, and
// every write may wait.
type rawStream struct{ plainStream }

// newRawStream returns nil when conn has no socket of its own.
func newRawStream(conn net.Conn) *rawStream {
	if _, ok := conn.(*net.TCPConn); !ok {
		return nil
	}
	return &rawStream{plainStream{conn: conn}}
}
