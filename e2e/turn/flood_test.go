package turn_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"callbox/turnserver"
)

// TestFloods relays between an allocation and a peer, and between two allocations, while
// others send unauthenticated requests and unfinished messages and handshakes. No packet
// of the two calls is lost.
func TestFloods(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.Limits.AddressConnections = -1 })
	calls := [][2]end{
		connect(t, s, [2]path{{turnserver.UDP, true}, {}}, false),
		connect(t, s, [2]path{{turnserver.UDP, true}, {turnserver.TCP, true}}, false),
	}
	before := measure(t)
	var floods sync.WaitGroup
	stop := make(chan struct{})
	floods.Go(func() { flood(t, s.udp, stop) })
	for _, at := range []netip.AddrPort{s.tcp, s.tls} {
		for _, opening := range []string{"", "\x16\x03\x01\x02\x00\x01\x00", "\x00\x03\x00\x10\x21\x12"} {
			for range 40 {
				halfOpen(t, at, opening)
			}
		}
	}
	number := uint32(0)
	deadline := time.Now().Add(3 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		<-tick.C
		for _, call := range calls {
			for _, side := range [][2]int{{0, 1}, {1, 0}} {
				call[side[0]].transmit(t, numbered(number, sizeOf(number)))
				wantNumbers(t, call[side[1]], []uint32{number}, sizeOf)
				number++
			}
		}
	}
	after := measure(t)
	close(stop)
	floods.Wait()
	if growth := int64(after.heap) - int64(before.heap); growth > 48<<20 {
		t.Errorf("the heap grew by %d bytes", growth)
	}
	got := s.Snapshot()
	if got.UnauthenticatedWithheld == 0 {
		t.Error("every unauthenticated request got a response")
	}
	// Connections that start with no message on TCP, or no handshake on TLS, are closed at
	// once.
	if got.Connections != 2*2*40+1 {
		t.Errorf("%d connections are open, want those with nothing or a valid start", got.Connections)
	}
	t.Logf("%d packets of calls, %d responses withheld", number, got.UnauthenticatedWithheld)
	s.end(t)
}

// flood sends unauthenticated Allocate requests from another address.
func flood(t *testing.T, server netip.AddrPort, stop <-chan struct{}) {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 66)}, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close() //nolint:errcheck // nothing is read from it
	request := unsignedAllocate().Raw
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for range 20 {
			_, _ = conn.Write(request)
		}
	}
}

// halfOpen connects, sends the start of a message or a handshake, and nothing more.
func halfOpen(t *testing.T, at netip.AddrPort, opening string) {
	t.Helper()
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(opening)); err != nil {
		t.Fatal(err)
	}
}
