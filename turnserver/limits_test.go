package turnserver_test

import (
	"maps"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/internal/budget"
	"callbox/turnserver"
)

// rawAt returns a raw client at another address of loopback.
func (s *setup) rawAt(t *testing.T, address, peer string) *rawClient {
	t.Helper()
	c := &rawClient{conn: listenUDP(t, address), server: s.udp.LocalAddr(), realm: turnserver.DefaultRealm}
	c.username, c.password = s.server.Credential(peer, time.Minute)
	c.challenge(t)
	return c
}

func TestAddressQuota(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		c.Limits = turnserver.Limits{AddressAllocations: 2, UserAllocations: 1, TotalAllocations: 3}
	})
	ann := s.rawAs(t, "ann")
	ann.allocate(t)
	s.rawAs(t, "bo").allocate(t)
	quota := func(c *rawClient) {
		t.Helper()
		c.wantCode(t, c.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeAllocQuotaReached)
	}
	quota(s.rawAs(t, "cy"))
	s.rawAt(t, "127.0.0.2:0", "dee").allocate(t)
	quota(s.rawAt(t, "127.0.0.2:0", "dee"))
	quota(s.rawAt(t, "127.0.0.2:0", "eve"))
	want := map[string]uint64{"address_quota": 1, "user_quota": 1, "total_quota": 1}
	if got := s.server.Snapshot().RefusedAllocations; !maps.Equal(got, want) {
		t.Errorf("refused %v, want %v", got, want)
	}
	wantSuccess(t, ann.request(t, stun.MethodRefresh, lifetime(0)))
	eventually(t, "there is a place again", func() bool { return s.server.Snapshot().Active == 2 })
	s.rawAs(t, "cy").allocate(t)
}

// What there is no memory for is refused, and all memory is given back in the end.
func TestMemory(t *testing.T) {
	memory := budget.New(16 << 20)
	s := start(t, func(c *turnserver.Config) { c.Memory = memory })
	c := s.rawOver(t, turnserver.TLS, "ann")
	c.allocate(t)
	used := memory.Snapshot().Used
	if used == 0 {
		t.Error("a connection takes nothing")
	}
	for range 40 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventually(t, "some are refused, and the others open", func() bool {
		refused := memory.Snapshot().Refused
		return refused > 0 && s.server.Snapshot().Connections+int(refused) == 41
	})
	wantSuccess(t, c.request(t, stun.MethodRefresh))
	closeServer(t, s.server)
	if got := memory.Snapshot().Used; got != 0 {
		t.Errorf("%d bytes are held after the end", got)
	}
}

// bound is a client with an allocation and a channel to a peer of its own.
type bound struct {
	*rawClient
	relayed net.Addr
	peer    net.PacketConn
}

func (s *setup) bound(t *testing.T, user string) bound {
	t.Helper()
	b := bound{rawClient: s.rawAs(t, user), peer: listenUDP(t, "127.0.0.1:0")}
	b.relayed = net.UDPAddrFromAddrPort(b.allocate(t))
	b.bind(t, 0x4000, xorPeer{addrPortOf(b.peer.LocalAddr())})
	return b
}

// flood sends packets of 1,000 bytes to the peer and from it, and returns when the server has handled
// all of them.
func (b bound) flood(t *testing.T, s *setup, toPeer, fromPeer int) {
	t.Helper()
	handled := func() uint64 {
		c := s.server.Snapshot()
		return c.ToPeers.Packets + c.FromPeers.Packets + c.Drops["user_rate"] + c.Drops["total_rate"]
	}
	before := handled()
	for range toPeer {
		b.send(t, channelData(0x4000, string(make([]byte, 1000))))
	}
	for range fromPeer {
		if _, err := b.peer.WriteTo(make([]byte, 1000), b.relayed); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all packets are handled", func() bool { return handled() == before+uint64(toPeer+fromPeer) })
}

// The rate of a user with all its allocations, in both directions, is limited, and others are served
// meanwhile.
func TestUserBytes(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		c.Limits.UserBytes = 1 // a full bucket of 65,535 bytes, and hardly more
	})
	first, second, other := s.bound(t, "ann"), s.bound(t, "ann"), s.bound(t, "bo")
	first.flood(t, s, 30, 0)
	second.flood(t, s, 20, 10)
	first.flood(t, s, 0, 10)
	got := s.server.Snapshot()
	if sum := got.ToPeers.Packets + got.FromPeers.Packets; sum != 65 || got.Drops["user_rate"] != 5 || got.Drops["total_rate"] != 0 {
		t.Errorf("%d packets relayed, dropped %v; want 65 and 5", sum, got.Drops)
	}
	other.flood(t, s, 20, 20)
	if got := s.server.Snapshot(); got.Drops["user_rate"] != 5 {
		t.Errorf("dropped %v of another user", got.Drops)
	}
}

func TestTotalBytes(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		c.Limits.TotalBytes = 1
	})
	s.bound(t, "ann").flood(t, s, 30, 10)
	s.bound(t, "bo").flood(t, s, 20, 10)
	got := s.server.Snapshot()
	if sum := got.ToPeers.Packets + got.FromPeers.Packets; sum != 65 || got.Drops["total_rate"] != 5 || got.Drops["user_rate"] != 0 {
		t.Errorf("%d packets relayed, dropped %v; want 65 and 5", sum, got.Drops)
	}
}

// Unauthenticated requests of an address are answered up to the limit. Its authenticated requests are
// answered always, and so are all requests of others.
func TestUnauthenticatedAnswers(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.Limits.Unauthenticated = 1 }) // ten at once
	ann := s.rawAt(t, "127.0.0.3:0", "ann")
	ann.allocate(t)
	flood := listenUDP(t, "127.0.0.3:0")
	username, password := s.server.Credential("mallory", time.Minute)
	mallory := rawClient{username: username, password: password + "x", realm: turnserver.DefaultRealm, nonce: ann.nonce}
	const each = 10
	for range each {
		for _, request := range []*stun.Message{
			stun.MustBuild(stun.TransactionID, stun.BindingRequest),
			stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), requestedTransport(17)),
			stun.MustBuild(
				stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), requestedTransport(17),
				stun.NewUsername(mallory.username), stun.NewRealm(mallory.realm), mallory.nonce, mallory.key(),
			),
		} {
			if _, err := flood.WriteTo(request.Raw, s.udp.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	bo := s.rawAs(t, "bo")
	bo.allocate(t)
	wantSuccess(t, ann.request(t, stun.MethodRefresh))

	// All has been answered that is going to be: what comes now comes last.
	if _, err := listenUDP(t, "127.0.0.1:0").WriteTo([]byte("end"), flood.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	answers, buffer := 0, make([]byte, 2048)
	if err := flood.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		n, _, err := flood.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if string(buffer[:n]) == "end" {
			break
		}
		answers++
	}
	withheld := s.server.Snapshot().UnauthenticatedWithheld
	// One was taken by the challenge of ann; a slow machine may refill some.
	if answers < 9 || answers > 3*each/2 || withheld != uint64(3*each-answers) {
		t.Errorf("%d of %d answered, %d withheld, want about 9", answers, 3*each, withheld)
	}
}

func TestLimitsOff(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		c.Limits = turnserver.Limits{
			UserAllocations: -1, AddressAllocations: -1, TotalAllocations: -1, Permissions: -1, Channels: -1,
			AddressConnections: -1, UserBytes: -1, TotalBytes: -1, Unauthenticated: -1,
		}
	})
	for range turnserver.DefaultUserAllocations + 1 {
		s.rawAs(t, "ann").allocate(t)
	}
	c := s.rawAs(t, "bo")
	c.allocate(t)
	for i := range turnserver.DefaultPermissions + 1 {
		peer := netip.AddrFrom4([4]byte{8, 8, 8, byte(i)})
		wantSuccess(t, c.request(t, stun.MethodChannelBind, channelNumber(0x4000+uint16(i)), xorPeer{netip.AddrPortFrom(peer, 9)}))
	}
	if got := s.server.Allocations()[turnserver.DefaultUserAllocations+1]; got.Permissions != turnserver.DefaultPermissions+1 || got.Channels != turnserver.DefaultChannels+1 {
		t.Errorf("allocation %+v", got)
	}
	cy := s.bound(t, "cy")
	for range 4 {
		cy.flood(t, s, 30, 30)
	}
}
