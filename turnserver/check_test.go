package turnserver_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// checkCredential returns a new client for each call, all with the same credential of a check.
func (s *setup) checkCredential(t *testing.T) func() *rawClient {
	t.Helper()
	username, password, err := s.server.CheckCredential()
	if err != nil {
		t.Fatal(err)
	}
	return func() *rawClient {
		t.Helper()
		return s.raw(t, username, password)
	}
}

// checked is a client of a check with its relay.
type checked struct {
	*rawClient
	relayed netip.AddrPort
}

// pair returns two clients of a check, each of which has bound a channel to the other.
func (s *setup) pair(t *testing.T) (a, b checked) {
	t.Helper()
	client := s.checkCredential(t)
	a, b = checked{rawClient: client()}, checked{rawClient: client()}
	a.relayed, b.relayed = a.allocate(t), b.allocate(t)
	a.bind(t, 0x4000, xorPeer{b.relayed})
	b.bind(t, 0x4000, xorPeer{a.relayed})
	return a, b
}

// heard returns the payloads that have reached the client until a packet from elsewhere, which is sent
// now, comes to it.
func (c checked) heard(t *testing.T) (payloads []string) {
	t.Helper()
	wantSuccess(t, c.request(t, stun.MethodRefresh)) // the server has handled everything before it
	if _, err := listenUDP(t, "127.0.0.1:0").WriteTo([]byte("end"), c.conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	for {
		switch p := c.packet(t); {
		case string(p) == "end":
			return payloads
		case len(p) > 4 && p[0] == 0x40:
			payloads = append(payloads, string(p[4:4+int(p[2])<<8+int(p[3])]))
		default:
			payloads = append(payloads, "indication")
		}
	}
}

// A check makes four relays in all, at once or one after the other. Other users and other checks have
// their own.
func TestCheckAllocations(t *testing.T) {
	s := start(t, nil)
	client := s.checkCredential(t)
	first := client()
	for range turnserver.CheckAllocations - 1 {
		client().allocate(t)
	}
	for range 2 {
		first.allocate(t)
		wantSuccess(t, first.request(t, stun.MethodRefresh, lifetime(0)))
		s.active(t, turnserver.CheckAllocations-1)
		if code := errorCode(client().request(t, stun.MethodAllocate, requestedTransport(17))); code != stun.CodeAllocQuotaReached {
			t.Fatalf("one relay more than four: %d, want 486", code)
		}
		client = s.checkCredential(t)
		first = client()
		for range turnserver.CheckAllocations - 1 {
			c := client()
			c.allocate(t)
			wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
		}
		s.active(t, turnserver.CheckAllocations-1)
	}
	s.rawAs(t, "ann").allocate(t)
}

// A smaller quota of users also bounds a check, and a reserved port counts.
func TestCheckWithinQuota(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.Limits.UserAllocations = 2 })
	client := s.checkCredential(t)
	client().allocate(t, evenPort(true))
	if code := errorCode(client().request(t, stun.MethodAllocate, requestedTransport(17))); code != stun.CodeAllocQuotaReached {
		t.Errorf("a third relay where users have two: %d, want 486", code)
	}
}

// Relays of a check reach each other, and nobody else reaches them or is reached by them: neither an
// address that is allowed to all others, nor relays of users, nor those of another check.
func TestCheckPeers(t *testing.T) {
	for name, noShortCut := range map[string]bool{"short cut": false, "through the kernel": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(c *turnserver.Config) {
				allowLoopback(c)
				c.NoShortCut = noShortCut
			})
			a, b := s.pair(t)
			other, _ := s.pair(t)
			ann := s.rawAs(t, "ann")
			user := checked{ann, ann.allocate(t)}
			outside := listen(t, "127.0.0.1:0")
			a.send(t, channelData(0x4000, "over"))
			eventually(t, "the other relay of the check gets it", func() bool { return bytes.Contains(b.packet(t), []byte("over")) })

			for i, peer := range []netip.AddrPort{addrPortOf(outside.LocalAddr()), user.relayed, other.relayed, netip.AddrPortFrom(b.relayed.Addr(), 9)} {
				channel := uint16(0x4010 + i)
				a.wantCode(t, a.request(t, stun.MethodChannelBind, channelNumber(channel), xorPeer{peer}), stun.CodeForbidden)
				a.sendIndication(t, peer, "out of the check")
				a.send(t, channelData(channel, "out of the check"))
			}
			elsewhere := xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}
			a.wantCode(t, a.request(t, stun.MethodCreatePermission, elsewhere), stun.CodeForbidden)
			// All have a permission for the address that all relays have.
			for _, c := range []checked{user, other} {
				wantSuccess(t, c.request(t, stun.MethodCreatePermission, xorPeer{a.relayed}))
				c.sendIndication(t, a.relayed, "into the check")
				wantSuccess(t, c.request(t, stun.MethodRefresh))
			}
			if _, err := outside.WriteTo([]byte("into the check"), net.UDPAddrFromAddrPort(a.relayed)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "all are dropped", func() bool { return s.server.Snapshot().Drops["denied"] == 7 })
			for name, c := range map[string]checked{"a": a, "b": b, "another check": other, "a user": user} {
				if got := c.heard(t); len(got) > 0 {
					t.Errorf("%s received %q", name, got)
				}
			}
			outside.wantSilence(t)

			// A relay that has ended is out of the check as well.
			wantSuccess(t, b.request(t, stun.MethodRefresh, lifetime(0)))
			s.active(t, 4)
			a.send(t, channelData(0x4000, "to nobody"))
			eventually(t, "it is dropped", func() bool { return s.server.Snapshot().Drops["denied"] == 8 })
		})
	}
}

// The relays of a check pass on so many bytes a second together, and so many in all. A datagram counts at
// both of them.
func TestCheckBytes(t *testing.T) {
	const size, packets = 1000, 2000
	flood := func(t *testing.T, s *setup) (passed uint64, snapshot turnserver.Snapshot) {
		t.Helper()
		a, b := s.pair(t)
		handled := func() uint64 {
			snapshot = s.server.Snapshot()
			return snapshot.FromPeers.Packets + snapshot.Drops["user_rate"] + snapshot.Drops["check_volume"]
		}
		for i := range packets {
			from := a
			if i%2 == 1 {
				from = b
			}
			from.send(t, channelData(0x4000, string(make([]byte, size))))
			if i%100 == 99 { // what the socket cannot hold would be lost
				eventually(t, "all are handled", func() bool { return handled() == uint64(i+1) })
			}
		}
		return snapshot.ToPeers.Bytes + snapshot.FromPeers.Bytes, snapshot
	}
	t.Run("rate", func(t *testing.T) {
		s, begun := start(t, nil), time.Now()
		passed, snapshot := flood(t, s)
		most := turnserver.CheckRate * (1 + time.Since(begun).Seconds())
		if float64(passed) > most || passed < turnserver.CheckRate-2*size || snapshot.Drops["user_rate"] == 0 {
			t.Errorf("%d bytes passed, want the burst of a second and at most %.0f; drops %v", passed, most, snapshot.Drops)
		}
	})
	t.Run("a smaller rate of users", func(t *testing.T) {
		s := start(t, func(c *turnserver.Config) { c.Limits.UserBytes = 1 }) // 65,535 bytes at once
		if passed, snapshot := flood(t, s); passed != 65*size {
			t.Errorf("%d bytes passed, want %d; drops %v", passed, 65*size, snapshot.Drops)
		}
	})
	t.Run("in all", func(t *testing.T) {
		s := start(t, nil)
		s.server.SetCheckRate(1 << 30)
		passed, snapshot := flood(t, s)
		if passed != turnserver.CheckBytes || snapshot.Drops["user_rate"] != 0 || snapshot.Drops["check_volume"] != packets-turnserver.CheckBytes/size/2 {
			t.Errorf("%d bytes passed, want %d; drops %v", passed, turnserver.CheckBytes, snapshot.Drops)
		}
	})
}

// A credential of a check makes relays for a minute. They end with it, whatever lifetime they ask for.
func TestCheckLife(t *testing.T) {
	clock := newClock()
	s := start(t, func(c *turnserver.Config) { c.Now = clock.now })
	client := s.checkCredential(t)
	c := client()
	answer := c.request(t, stun.MethodAllocate, requestedTransport(17), lifetime(time.Hour))
	if got := lifetimeOf(t, answer); got != turnserver.CheckLife {
		t.Errorf("a relay lives for %s, want %s", got, turnserver.CheckLife)
	}
	clock.advance(turnserver.CheckLife - 1500*time.Millisecond)
	if got := lifetimeOf(t, c.request(t, stun.MethodRefresh, lifetime(time.Hour))); got != time.Second {
		t.Errorf("it is refreshed for %s, want the second that is left", got)
	}
	late := client()
	clock.advance(1500 * time.Millisecond)
	for _, method := range []stun.Method{stun.MethodAllocate, stun.MethodRefresh} {
		if code := errorCode(late.request(t, method, requestedTransport(17))); code != stun.CodeUnauthorized {
			t.Errorf("%s of another client afterwards: %d, want 401", method, code)
		}
	}
	if code := errorCode(c.request(t, stun.MethodRefresh)); code != stun.CodeUnauthorized {
		t.Errorf("a refresh afterwards: %d, want 401", code)
	}
	if got := s.server.Snapshot().AuthFailuresBy; got["expired"] != 3 || len(got) != 1 {
		t.Errorf("refused credentials %v, want 3 expired", got)
	}
	s.active(t, 0)
}

// Only the server that has made a credential of a check knows it: to one with the same secret it is
// worth nothing, rather than as much as that of a peer.
func TestCheckIsNoCommonCredential(t *testing.T) {
	s, other := start(t, nil), start(t, nil)
	username, password, err := s.server.CheckCredential()
	if err != nil {
		t.Fatal(err)
	}
	if code := other.raw(t, username, password).allocateCode(t); code != stun.CodeUnauthorized {
		t.Errorf("at another server: %d, want 401", code)
	}
	if code := s.raw(t, username, password+"x").allocateCode(t); code != stun.CodeUnauthorized {
		t.Errorf("with a wrong password: %d, want 401", code)
	}
	// Nor does the secret, which others may have, open a check.
	clock := time.Now().Add(time.Minute)
	name, signed := turnserver.SignCredential(testSecret(), username[len("1234567890:"):], clock)
	if code := s.raw(t, name, signed).allocateCode(t); name == username && code != stun.CodeUnauthorized {
		t.Errorf("with a password that is derived from the secret: %d, want 401", code)
	}
}

// So many checks can run at one time, and when they are over there is room again.
func TestChecksAreBounded(t *testing.T) {
	clock := newClock()
	s := start(t, func(c *turnserver.Config) { c.Now = clock.now })
	made := 0
	for ; made < 1<<16; made++ {
		if _, _, err := s.server.CheckCredential(); err != nil {
			if !errors.Is(err, turnserver.ErrTooManyChecks) {
				t.Fatal(err)
			}
			break
		}
	}
	if made != 4096 {
		t.Errorf("%d checks at one time, want 4096", made)
	}
	clock.advance(2*turnserver.CheckLife + time.Second)
	s.checkCredential(t)().allocate(t)
}

// An operator can end the relays of a check, and refuse its credential.
func TestRevokeCheck(t *testing.T) {
	s := start(t, nil)
	client := s.checkCredential(t)
	a := client()
	a.allocate(t)
	user := s.server.Allocations()[0].User
	if got := s.server.Kick(user); got != 1 {
		t.Errorf("kicked %d, want 1", got)
	}
	s.active(t, 0)
	client().allocate(t)
	if got, err := s.server.Revoke(user); got != 1 || err != nil {
		t.Errorf("revoked %d, %v, want 1", got, err)
	}
	s.active(t, 0)
	if code := client().allocateCode(t); code != stun.CodeUnauthorized {
		t.Errorf("a revoked check: %d, want 401", code)
	}
}

// A second port answers Binding requests and nothing else. Both ports together answer an address as
// rarely as one.
func TestBindingConns(t *testing.T) {
	second := listenUDP(t, "127.0.0.1:0")
	s := start(t, func(c *turnserver.Config) {
		c.BindingConns = []net.PacketConn{second}
		c.Limits.Unauthenticated = 1 // ten at once
	})
	at := second.LocalAddr()
	c := &rawClient{conn: listenUDP(t, "127.0.0.1:0"), server: at}
	if got := c.binding(t); got.String() != c.conn.LocalAddr().String() {
		t.Errorf("the second port sees %s, want %s", got, c.conn.LocalAddr())
	}
	ann := s.rawAt(t, "127.0.0.4:0", "ann")
	relayed := ann.allocate(t)
	for _, p := range [][]byte{
		ann.signedRequest(stun.MethodAllocate, requestedTransport(17)).Raw,
		ann.signedRequest(stun.MethodRefresh).Raw,
		channelData(0x4000, "no channel"),
		stun.MustBuild(stun.TransactionID, stun.BindingRequest, attribute{0x7f00, nil}).Raw, // must be understood
		[]byte("GET / HTTP/1.1\r\n\r\n"),                                                    // looks like ChannelData
	} {
		if _, err := ann.conn.WriteTo(p, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := ann.binding(t).String(); got != ann.conn.LocalAddr().String() { // whatever came first would be a failure
		t.Errorf("the first port sees %s", got)
	}
	eventually(t, "all are dropped", func() bool {
		drops := s.server.Snapshot().Drops
		return drops["malformed"] == 3 && drops["no_allocation"] == 2
	})
	if len(s.server.Allocations()) != 1 || !relayed.IsValid() {
		t.Errorf("allocations %v, want that of the first port", s.server.Allocations())
	}

	flood := listenUDP(t, "127.0.0.5:0")
	for range 15 {
		for _, server := range []net.Addr{s.udp.LocalAddr(), at} {
			if _, err := flood.WriteTo(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw, server); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "all are answered or withheld", func() bool { return s.server.Snapshot().Path.Bindings+s.server.Snapshot().Drops["answer_rate"] >= 32 })
	if withheld := s.server.Snapshot().Drops["answer_rate"]; withheld < 12 {
		t.Errorf("%d of 30 requests to both ports were withheld, want nearly 20", withheld)
	}
}
