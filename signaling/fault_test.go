package signaling_test

import (
	"testing"

	"callbox/signaling"
	"callbox/signaling/faultmodel"
)

// TestFaultModel plays random histories against the server, in memory and with
// virtual time, and compares what all clients observed with the protocol.
func TestFaultModel(t *testing.T) { faultmodel.InMemory(t, (*signaling.Server).Remains) }

// TestFaultModelSockets plays histories over sockets.
func TestFaultModelSockets(t *testing.T) { faultmodel.OnSockets(t, (*signaling.Server).Remains) }
