//go:build !unix

package accept

import "net"

// discardArrived does nothing: the client may find its connection reset.
func discardArrived(*net.TCPConn) {}
