package peer_test

import (
	"net"
	"testing"

	"github.com/pion/stun/v4"

	"callbox/peer"
	"callbox/turnserver"
)

// TestStrangerAtTheTURNClient sends a STUN request to the port of each bot's TURN client, from an address that is not the TURN
// server's. The relayed call must go on.
func TestStrangerAtTheTURNClient(t *testing.T) {
	t.Parallel()
	s := serveWithTURN(t)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	toA, toB := newFrameCounter(40), newFrameCounter(40)
	a.Sink, b.Sink = toA, toB
	connected := make(chan []turnserver.Allocation, 1)
	a.Observe = func(e peer.Event) {
		if e.Kind == peer.EventConnected {
			connected <- s.turn.Allocations()
		}
	}
	for _, cfg := range []*peer.Config{&a, &b} {
		cfg.ICE, cfg.TURNProtocol = peer.Relay, peer.TURNOverUDP
	}
	first, second := join(t, a), join(t, b)

	stranger, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	request := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	for _, allocation := range <-connected {
		if _, err := stranger.WriteTo(request.Raw, net.UDPAddrFromAddrPort(allocation.Client)); err != nil {
			t.Fatal(err)
		}
	}
	awaitFrames(t, first, toA)
	awaitFrames(t, second, toB)
}
