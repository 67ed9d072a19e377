//go:build !linux

package signaling

import (
	"net"

	"callbox/internal/rawio"
)

// On these systems the bounds of the system apply, and every connection begins with HTTP.

func boundAccepted(net.Listener) bool      { return false }
func boundUnacked(net.Conn)                {}
func deferAccept(net.Listener)             {}
func readArrived(*rawStream) *rawio.Buffer { return nil }
