package turnserver_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// The server refuses what it cannot do with the code of RFC 8656 for that.
func TestErrorAnswers(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	peer := xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}

	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(6)), stun.CodeUnsupportedTransProto)
	c.wantCode(t, c.request(t, stun.MethodAllocate), stun.CodeBadRequest)
	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17), requestedFamily(2)), stun.CodeAddrFamilyNotSupported)
	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17), requestedFamily(3)), stun.CodeAddrFamilyNotSupported)
	c.wantCode(t, c.request(t, stun.MethodRefresh), stun.CodeAllocMismatch)
	for _, method := range []stun.Method{stun.MethodCreatePermission, stun.MethodChannelBind} {
		c.wantCode(t, c.request(t, method, channelNumber(0x4000), peer), stun.CodeAllocMismatch)
	}
	if got := s.server.Snapshot(); got.Created != 0 {
		t.Errorf("snapshot %+v", got)
	}
	c.allocate(t)
	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocMismatch)
	v6 := xorPeer{netip.MustParseAddrPort("[2606:4700::1]:9")}
	c.wantCode(t, c.request(t, stun.MethodCreatePermission, v6), stun.CodePeerAddrFamilyMismatch)
	c.wantCode(t, c.request(t, stun.MethodChannelBind, channelNumber(0x4000), v6), stun.CodePeerAddrFamilyMismatch)
	c.wantCode(t, c.request(t, stun.MethodChannelBind, channelNumber(1), peer), stun.CodeBadRequest)
	c.nonce = stun.NewNonce("stale")
	if code := errorCode(c.request(t, stun.MethodRefresh)); code != stun.CodeStaleNonce {
		t.Errorf("forged nonce: %d, want 438", code)
	}
}

func TestQuotas(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		c.Limits = turnserver.Limits{UserAllocations: 2, TotalAllocations: 3, Permissions: 2, Channels: 1}
	})
	first := s.rawAs(t, "ann")
	first.allocate(t)
	s.rawAs(t, "ann").allocate(t)
	third := s.rawAs(t, "ann")
	third.wantCode(t, third.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocQuotaReached)
	s.rawAs(t, "bo").allocate(t)
	last := s.rawAs(t, "cy")
	last.wantCode(t, last.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocQuotaReached)

	peer := func(i int) stun.Setter {
		return xorPeer{netip.MustParseAddrPort(fmt.Sprintf("8.8.8.%d:9", i))}
	}
	first.bind(t, 0x4000, peer(1)) // and again
	first.wantCode(t, first.request(t, stun.MethodChannelBind, channelNumber(0x4001), peer(2)), stun.CodeInsufficientCapacity)
	wantSuccess(t, first.request(t, stun.MethodCreatePermission, peer(2)))
	wantSuccess(t, first.request(t, stun.MethodCreatePermission, peer(1), peer(2)))
	first.wantCode(t, first.request(t, stun.MethodCreatePermission, peer(3)), stun.CodeInsufficientCapacity)

	// What ends makes room.
	wantSuccess(t, first.request(t, stun.MethodRefresh, lifetime(0)))
	eventually(t, "the allocation ends", func() bool { return s.server.Snapshot().Active == 2 })
	third.allocate(t)
}

func TestAllocationExpires(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.MinLifetime = time.Second })
	c := s.rawAs(t, "ann")
	c.allocate(t, lifetime(time.Second))
	eventually(t, "the allocation expires", func() bool { return s.server.Snapshot().Ended == 1 })
	c.wantCode(t, c.request(t, stun.MethodRefresh), stun.CodeAllocMismatch)
}

func TestEvenPort(t *testing.T) {
	s := start(t, nil)
	for range 4 {
		relayed := s.rawAs(t, "ann").allocate(t, attribute{stun.AttrEvenPort, []byte{0}})
		if relayed.Port()%2 != 0 {
			t.Errorf("EVEN-PORT got %s", relayed)
		}
	}
}

func TestIPv6Relay(t *testing.T) {
	needIPv6(t)
	s := start(t, func(c *turnserver.Config) {
		c.RelayIPs = append(c.RelayIPs, netip.MustParseAddr("::1"))
		c.AllowPeers = []netip.Prefix{netip.MustParsePrefix("::1/128")}
	})
	c := s.rawAs(t, "ann")
	relayed := c.allocate(t, requestedFamily(2))
	if relayed.Addr() != netip.IPv6Loopback() {
		t.Fatalf("relayed address %s, want ::1", relayed)
	}
	peer := listenUDP(t, "[::1]:0")
	c.bind(t, 0x4000, xorPeer{addrPortOf(peer.LocalAddr())})
	c.send(t, channelData(0x4000, "over IPv6"))
	want(t, peer, []byte("over IPv6"), net.UDPAddrFromAddrPort(relayed))
	if _, err := peer.WriteTo([]byte("and back"), net.UDPAddrFromAddrPort(relayed)); err != nil {
		t.Fatal(err)
	}
	want(t, c.conn, channelData(0x4000, "and back"), c.server)
}

// Datagrams from a peer without a permission are neither relayed nor counted.
func TestUnrelayedDatagrams(t *testing.T) {
	s := start(t, allowLoopback)
	c := s.rawAs(t, "ann")
	relayed := net.UDPAddrFromAddrPort(c.allocate(t))
	peer := listenUDP(t, "127.0.0.1:0")
	c.bind(t, 0x4000, xorPeer{addrPortOf(peer.LocalAddr())})
	other := listenUDP(t, "127.0.0.2:0")
	if _, err := other.WriteTo([]byte("uninvited"), relayed); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.WriteTo([]byte("invited"), relayed); err != nil {
		t.Fatal(err)
	}
	want(t, c.conn, channelData(0x4000, "invited"), c.server)
	if got := s.server.Snapshot().FromPeers; got != (turnserver.Traffic{Packets: 1, Bytes: 7}) {
		t.Errorf("counted %+v", got)
	}
}

// A port that another program uses is not used for a relay until it is free.
func TestRelayPortInUse(t *testing.T) {
	other := listenUDP(t, "127.0.0.1:0")
	s := start(t, func(c *turnserver.Config) {
		c.RelayPorts = turnserver.PortRange{Min: port(other), Max: port(other)}
	})
	c := s.rawAs(t, "ann")
	c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeInsufficientCapacity)
	other.Close()
	if relayed := c.allocate(t); relayed.Port() != port(other) {
		t.Errorf("relayed address %s", relayed)
	}
}

// Two relays behind the same NAT reach each other without hairpinning.
func TestRelaysBehindNAT(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.PublicIPs = []netip.Addr{netip.MustParseAddr("192.0.2.200")} })
	ann, bo := s.rawAs(t, "ann"), s.rawAs(t, "bo")
	relayA, relayB := ann.allocate(t), bo.allocate(t)
	if relayA.Addr() != netip.MustParseAddr("192.0.2.200") {
		t.Fatalf("relayed address %s", relayA)
	}
	ann.bind(t, 0x4000, xorPeer{relayB})
	bo.bind(t, 0x4001, xorPeer{relayA})
	ann.send(t, channelData(0x4000, "hairpin!"))
	want(t, bo.conn, channelData(0x4001, "hairpin!"), bo.server)
}

// Garbage is not answered, and the server keeps running.
func TestGarbage(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	for _, packet := range []string{"", "x", "GET / HTTP/1.1\r\n\r\n", "\x00\x01\x00\x00", "\x40\x00\xff\xff", "\xff\xff\xff\xff"} {
		c.send(t, []byte(packet))
	}
	c.send(t, stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw)
	c.send(t, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication)).Raw)
	c.send(t, channelData(0x4000, "without an allocation"))
	c.sendIndication(t, netip.MustParseAddrPort("8.8.8.8:9"), "without an allocation")
	c.allocate(t)
}
