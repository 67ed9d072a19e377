//go:build !linux

package signaling

import "net"

// Here the system's own bounds hold, and every connection is HTTP's first.

func boundAccepted(net.Listener) bool    { return false }
func boundUnacked(net.Conn)              {}
func deferAccept(net.Listener)           {}
func readArrived(*rawStream) *readBuffer { return nil }
