//go:build !linux

package signaling

import (
	"net"

	"callbox/internal/rawio"
)

// Here the system's own bounds hold, and every connection is HTTP's first.

func boundAccepted(net.Listener) bool      { return false }
func boundUnacked(net.Conn)                {}
func deferAccept(net.Listener)             {}
func readArrived(*rawStream) *rawio.Buffer { return nil }
