package datapath_test

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"callbox/turnserver/datapath"
	"callbox/turnserver/limit"
	"callbox/turnserver/wire"
)

// wantDrops waits for exactly those drops.
func (s *server) wantDrops(t *testing.T, want map[datapath.Drop]uint64) {
	t.Helper()
	var got map[datapath.Drop]uint64
	eventually(t, "drops are counted", func() bool {
		got = s.path.Stats().Drops
		for cause, n := range want {
			if got[cause] != n {
				return false
			}
		}
		return true
	})
	if len(got) != len(want) {
		t.Errorf("drops %v, want %v", got, want)
	}
}

// Only what is permitted and bound is relayed.
func TestPermissions(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, b, peer := s.party(t), s.party(t), dial(t, "127.0.0.1:0")
		stranger := dial(t, "127.0.0.1:0")
		a.say(t, s, sendIndication(peer.addr, []byte("not permitted")))
		a.say(t, s, channelData(0x4000, []byte("not bound")))
		a.say(t, s, []byte{0x40, 0, 0, 9, 'c', 'u', 't'})
		a.say(t, s, []byte("GET / HTTP/1.1"))
		peer.send(t, []byte("not permitted"), a.relayed)
		stranger.send(t, channelData(0x4000, []byte("no allocation")), addrPort(s.socket.LocalAddr()))
		stranger.send(t, sendIndication(peer.addr, []byte("no allocation")), addrPort(s.socket.LocalAddr()))
		bind(a.relay, 0x4001, b.relayed)
		a.say(t, s, channelData(0x4001, []byte("b permits nobody")))
		want := map[datapath.Drop]uint64{datapath.NoPermission: 3, datapath.NoChannel: 1, datapath.NoAllocation: 2, datapath.Malformed: 2}
		s.wantDrops(t, want)

		a.relay.Permit(peer.addr.Addr(), true)
		bind(a.relay, 0x4000, peer.addr)
		a.say(t, s, channelData(0x4000, []byte("bound")))
		peer.want(t, []byte("bound"), a.relayed)
		a.relay.Bind(0x4000, peer.addr, false)
		a.relay.Permit(peer.addr.Addr(), false)
		a.say(t, s, channelData(0x4000, []byte("no longer")))
		peer.send(t, []byte("no longer"), a.relayed)
		want[datapath.NoChannel]++
		want[datapath.NoPermission]++
		s.wantDrops(t, want)
	})
}

// The policy applies in both directions, is asked again when it has changed, and does not apply
// to live relays.
func TestPolicy(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		var denied atomic.Pointer[string]
		rule, none := "rule of the test", ""
		denied.Store(&none)
		var told atomic.Int32
		config.PolicyEpoch = new(atomic.Uint64)
		config.Denies = func(netip.Addr) string { return *denied.Load() }
		config.Refused = func(_ *datapath.Relay, _ netip.Addr, name string) {
			if name == rule {
				told.Add(1)
			}
		}
		s := start(t, config)
		a, b, peer := s.party(t), s.party(t), dial(t, "127.0.0.1:0")
		for _, p := range []*party{a, b} {
			p.relay.Permit(peer.addr.Addr(), true)
		}
		bind(a.relay, 0x4000, peer.addr)
		bind(a.relay, 0x4001, b.relayed)
		pass := func() {
			a.say(t, s, channelData(0x4000, []byte("up")))
			peer.want(t, []byte("up"), a.relayed)
			peer.send(t, []byte("down"), a.relayed)
			a.want(t, channelData(0x4000, []byte("down")), addrPort(s.socket.LocalAddr()))
		}
		pass()
		denied.Store(&rule)
		pass() // it is cached
		config.PolicyEpoch.Add(1)
		a.say(t, s, channelData(0x4000, []byte("up")))
		a.say(t, s, sendIndication(peer.addr, []byte("up")))
		peer.send(t, []byte("down"), a.relayed)
		a.say(t, s, channelData(0x4001, []byte("to a relay")))
		b.wantIndication(t, a.relayed, []byte("to a relay"))
		s.wantDrops(t, map[datapath.Drop]uint64{datapath.Denied: 3})
		if n := told.Load(); n != 3 {
			t.Errorf("told %d times", n)
		}
		b.relay.Close() // it is a stranger from now on
		a.say(t, s, channelData(0x4001, []byte("to nobody")))
		s.wantDrops(t, map[datapath.Drop]uint64{datapath.Denied: 4})
		denied.Store(&none)
		config.PolicyEpoch.Add(1)
		pass()
	})
}

// What is sent from relay to relay is charged to both users, and twice to the server, with and
// without the short cut.
func TestRates(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		config.Total = limit.NewBucket(1, 200_000)
		s := start(t, config)
		a := s.partyWith(t, "127.0.0.1:0", datapath.RelayConfig{UserLimit: limit.NewBucket(1, 1<<20)})
		b := s.partyWith(t, "127.0.0.1:0", datapath.RelayConfig{UserLimit: limit.NewBucket(1, limit.MinBurst)})
		for _, p := range []*party{a, b} {
			p.relay.Permit(a.relayed.Addr(), true)
		}
		bind(a.relay, 0x4000, b.relayed)
		bind(b.relay, 0x4000, a.relayed)
		p := pattern(30_000, 0)
		for range 2 {
			a.say(t, s, channelData(0x4000, p))
			b.want(t, channelData(0x4000, p), addrPort(s.socket.LocalAddr()))
		}
		for n := range uint64(2) { // b has had all it may, and a goes on
			a.say(t, s, channelData(0x4000, p))
			s.wantDrops(t, map[datapath.Drop]uint64{datapath.UserRate: n + 1})
		}
		a.say(t, s, channelData(0x4000, p))
		s.wantDrops(t, map[datapath.Drop]uint64{datapath.UserRate: 2, datapath.TotalRate: 1})
	})
}

// Relays of a group relay so much in all, and only to one another.
func TestGroups(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		group, other := datapath.NewGroup(4000), datapath.NewGroup(1<<20)
		a := s.partyWith(t, "127.0.0.1:0", datapath.RelayConfig{Group: group})
		b := s.partyWith(t, "127.0.0.1:0", datapath.RelayConfig{Group: group})
		c := s.partyWith(t, "127.0.0.1:0", datapath.RelayConfig{Group: other})
		free, peer := s.party(t), dial(t, "127.0.0.1:0")
		for _, p := range []*party{a, b, c, free} {
			p.relay.Permit(a.relayed.Addr(), true)
		}
		bind(a.relay, 0x4000, b.relayed)
		bind(b.relay, 0x4000, a.relayed)
		for _, to := range []netip.AddrPort{c.relayed, free.relayed, peer.addr} {
			a.say(t, s, sendIndication(to, []byte("out")))
		}
		for _, from := range []*party{c, free} {
			from.say(t, s, sendIndication(a.relayed, []byte("in")))
		}
		peer.send(t, []byte("in"), a.relayed)
		want := map[datapath.Drop]uint64{datapath.Denied: 6}
		s.wantDrops(t, want)

		p := pattern(1000, 0)
		for _, from := range []*party{a, b} { // each counts twice
			from.say(t, s, channelData(0x4000, p))
			to := a
			if from == a {
				to = b
			}
			to.want(t, channelData(0x4000, p), addrPort(s.socket.LocalAddr()))
		}
		a.say(t, s, channelData(0x4000, []byte("x")))
		b.say(t, s, channelData(0x4000, nil))
		want[datapath.GroupVolume] = 2
		s.wantDrops(t, want)
		free.relay.Permit(peer.addr.Addr(), true)
		free.say(t, s, sendIndication(peer.addr, []byte("without a group")))
		peer.want(t, []byte("without a group"), free.relayed)
	})
}

func TestBindings(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		config.Unauthenticated = limit.NewSources(1, 3)
		s := start(t, config)
		c := dial(t, "127.0.0.1:0")
		request := wire.Build(nil, wire.NewType(wire.Binding, wire.Request), wire.TransactionID{7})
		request.AddFingerprint()
		for range 3 {
			c.send(t, request.Bytes(), addrPort(s.socket.LocalAddr()))
			got, _ := c.receive(t)
			m, err := wire.Parse(got)
			if err != nil || m.Type() != wire.NewType(wire.Binding, wire.Success) || !m.CheckFingerprint() {
				t.Fatalf("answer %x: %v", got, err)
			}
			value, _ := m.Get(wire.XORMappedAddress)
			if mapped, ok := m.Address(value); !ok || mapped != c.addr || m.TransactionID() != (wire.TransactionID{7}) {
				t.Errorf("mapped %s", mapped)
			}
		}
		c.send(t, request.Bytes(), addrPort(s.socket.LocalAddr()))
		s.wantDrops(t, map[datapath.Drop]uint64{datapath.AnswerRate: 1})
		// One that asks for more is for the control plane.
		asking := wire.Build(nil, wire.NewType(wire.Binding, wire.Request), wire.TransactionID{8})
		asking.AddUint32(wire.ChangeRequest, 6)
		c.send(t, asking.Bytes(), addrPort(s.socket.LocalAddr()))
		buffer := make([]byte, 2048)
		n, from, at, err := s.socket.ReadControl(buffer)
		if err != nil || string(buffer[:n]) != string(asking.Bytes()) || from != c.addr || at.IsValid() {
			t.Errorf("control message %x from %s at %s: %v", buffer[:n], from, at, err)
		}
		if err := s.socket.WriteTo([]byte("answer"), from, at); err != nil {
			t.Error(err)
		}
		c.want(t, []byte("answer"), addrPort(s.socket.LocalAddr()))
		if n := s.path.Stats().Bindings; n != 3 {
			t.Errorf("%d bindings", n)
		}
	})
}

// More control messages than are read are dropped.
func TestControlQueue(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		c := dial(t, "127.0.0.1:0")
		refresh := wire.Build(nil, wire.NewType(wire.Refresh, wire.Request), wire.TransactionID{7})
		const queue = 512
		for range queue + 10 {
			c.send(t, refresh.Bytes(), addrPort(s.socket.LocalAddr()))
		}
		s.wantDrops(t, map[datapath.Drop]uint64{datapath.ControlQueue: 10})
	})
}

// Every answer comes from the address that was asked.
func TestArrivalAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		for _, address := range []string{"0.0.0.0:0", "[::]:0"} {
			s := startAt(t, config, address)
			port := addrPort(s.socket.LocalAddr()).Port()
			asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)
			c := dial(t, "127.0.0.1:0")
			request := wire.Build(nil, wire.NewType(wire.Binding, wire.Request), wire.TransactionID{7})
			c.send(t, request.Bytes(), asked)
			if _, from := c.receive(t); from != asked {
				t.Errorf("%s: answered from %s, want %s", address, from, asked)
			}
			refresh := wire.Build(nil, wire.NewType(wire.Refresh, wire.Request), wire.TransactionID{7})
			c.send(t, refresh.Bytes(), asked)
			n, from, at, err := s.socket.ReadControl(make([]byte, 2048))
			if err != nil || n != len(refresh.Bytes()) || from != c.addr || at != asked.Addr() {
				t.Fatalf("%s: control message from %s at %s: %v", address, from, at, err)
			}
			if err := s.socket.WriteTo([]byte("answer"), from, at); err != nil {
				t.Error(err)
			}
			c.want(t, []byte("answer"), asked)
			relay := dial(t, "127.0.0.1:0")
			r, err := s.path.Open(s.socket.Client(from, at), relay.UDPConn, datapath.RelayConfig{Relayed: relay.addr, Bound: relay.addr})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			peer := dial(t, "127.0.0.1:0")
			r.Permit(peer.addr.Addr(), true)
			bind(r, 0x4000, peer.addr)
			c.send(t, channelData(0x4000, []byte("up")), asked)
			peer.want(t, []byte("up"), relay.addr)
			for range 3 {
				peer.send(t, []byte("down"), relay.addr)
			}
			for range 3 {
				c.want(t, channelData(0x4000, []byte("down")), asked)
			}
			r.Close()
		}
	})
}

func TestIPv6(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := startAt(t, config, "[::]:0")
		loopback := netip.IPv6Loopback()
		at := netip.AddrPortFrom(loopback, addrPort(s.socket.LocalAddr()).Port())
		a, b := s.partyWith(t, "[::1]:0", datapath.RelayConfig{}), s.partyWith(t, "[::1]:0", datapath.RelayConfig{})
		peer := dial(t, "[::1]:0")
		for _, p := range []*party{a, b} {
			p.relay.Permit(loopback, true)
		}
		bind(a.relay, 0x4000, peer.addr)
		for i, size := range sizes() {
			p := pattern(size, i)
			a.send(t, channelData(0x4000, p), at)
			peer.want(t, p, a.relayed)
			peer.send(t, p, b.relayed)
			b.wantIndication(t, peer.addr, p)
			b.send(t, sendIndication(a.relayed, p), at)
			a.wantIndication(t, b.relayed, p)
		}
	})
}
