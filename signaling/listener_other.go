//go:build !linux

package signaling

import "net"

// boundAccepted and boundUnacked do nothing: here the system's own bounds hold.
func boundAccepted(net.Listener) bool { return false }
func boundUnacked(net.Conn)           {}
