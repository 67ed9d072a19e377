//go:build !linux

package signaling

import "net"

// boundUnacked does nothing: here the system's own bounds hold.
func boundUnacked(net.Conn) {}
