package turnserver_test

import (
	"context"
	"net"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

func evenPort(next bool) stun.Setter {
	if next {
		return attribute{stun.AttrEvenPort, []byte{0x80}}
	}
	return attribute{stun.AttrEvenPort, []byte{0}}
}

// reservePair allocates an even port and reserves the next one.
func (c *rawClient) reservePair(t *testing.T) (even uint16, token stun.Setter) {
	t.Helper()
	answer := c.request(t, stun.MethodAllocate, requestedTransport(17), evenPort(true))
	wantSuccess(t, answer)
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(answer, stun.AttrXORRelayedAddress); err != nil {
		t.Fatal(err)
	}
	value, err := answer.Get(stun.AttrReservationToken)
	if err != nil || len(value) != 8 || relayed.Port%2 != 0 {
		t.Fatalf("token % x, %v; port %d", value, err, relayed.Port)
	}
	return uint16(relayed.Port), attribute{stun.AttrReservationToken, append([]byte(nil), value...)}
}

// RFC 8656 section 7.2: the port after an even one is reserved for the next allocation of its user, and
// for nobody else.
func TestReservation(t *testing.T) {
	span := turnserver.PortRange{Min: 21001, Max: 21004} // one pair
	s := start(t, func(c *turnserver.Config) { c.RelayPorts = span })
	even, token := s.rawAs(t, "ann").reservePair(t)
	if even != 21002 {
		t.Errorf("even port %d, want the one whose next is there", even)
	}
	s.rawAs(t, "bo").allocate(t)
	s.rawAs(t, "bo").allocate(t)
	last := s.rawAs(t, "bo")
	last.wantCode(t, last.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeInsufficientCapacity)
	last.wantCode(t, last.request(t, stun.MethodAllocate, requestedTransport(17), token), stun.CodeInsufficientCapacity)
	if relayed := s.rawAs(t, "ann").allocate(t, token); relayed.Port() != even+1 {
		t.Errorf("reserved port %d, want %d", relayed.Port(), even+1)
	}
	again := s.rawAs(t, "ann")
	again.wantCode(t, again.request(t, stun.MethodAllocate, requestedTransport(17), token), stun.CodeInsufficientCapacity)
}

// Without two consecutive ports there is no pair, and the search leaves nothing behind.
func TestNoPair(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.RelayPorts = turnserver.PortRange{Min: 21011, Max: 21014} })
	other := listenUDP(t, "127.0.0.1:21013")
	c := s.rawAs(t, "ann")
	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17), evenPort(true)), stun.CodeInsufficientCapacity)
	for range 2 {
		if relayed := s.rawAs(t, "ann").allocate(t, evenPort(false)); relayed.Port()%2 != 0 {
			t.Errorf("even port %d", relayed.Port())
		}
	}
	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17), evenPort(false)), stun.CodeInsufficientCapacity)
	other.Close()
	c.allocate(t)
}

// Reservations count in the quotas, and end with the server.
func TestReservationCounts(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.Limits.UserAllocations = 3 })
	first := s.rawAs(t, "ann")
	even, token := first.reservePair(t)
	second := s.rawAs(t, "ann")
	second.wantCode(t, second.request(t, stun.MethodAllocate, requestedTransport(17), evenPort(true)), stun.CodeAllocQuotaReached)
	second.allocate(t)
	third := s.rawAs(t, "ann")
	third.wantCode(t, third.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocQuotaReached)
	if relayed := third.allocate(t, token); relayed.Port() != even+1 {
		t.Errorf("reserved port %d, want %d", relayed.Port(), even+1)
	}
	wantSuccess(t, second.request(t, stun.MethodRefresh, lifetime(0)))
	wantSuccess(t, third.request(t, stun.MethodRefresh, lifetime(0)))
	s.active(t, 1)
	other, _ := s.rawAs(t, "ann").reservePair(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.server.Close(ctx); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(other) + 1})
	if err != nil {
		t.Fatalf("the reserved port is still bound: %v", err)
	}
	_ = conn.Close()
}
