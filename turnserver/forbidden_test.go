package turnserver_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// forbidden are the notations of addresses that a relay must never reach.
func forbidden() []string {
	return []string{
		// What was found open in other servers: loopback by way of the
		// unspecified addresses, and IPv4 inside IPv6.
		"0.0.0.0", "::", "::1", "127.0.0.1", "127.255.255.254", "::ffff:127.0.0.1", "::ffff:0.0.0.0",
		"::127.0.0.1", "::ffff:0:127.0.0.1", "2002:7f00:1::", "2002:7f00:1::1", "64:ff9b::127.0.0.1", "64:ff9b:1::127.0.0.1",
		"::ffff:10.0.0.1", "::10.0.0.1", "2002:a00:1::1", "64:ff9b::10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254",
		"64:ff9b::8.8.8.8", "2002:808:808::1", "::8.8.8.8",
		"10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1",
		"198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1",
		"fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "4000::1", "8000::1",
	}
}

// ear listens on loopback and must receive nothing.
type ear struct {
	net.PacketConn
	done  chan struct{}
	mu    sync.Mutex
	heard []string
}

func listen(t *testing.T, address string) *ear {
	t.Helper()
	e := &ear{PacketConn: listenUDP(t, address), done: make(chan struct{})}
	go func() {
		defer close(e.done)
		buffer := make([]byte, 2048)
		for {
			n, _, err := e.ReadFrom(buffer)
			if err != nil {
				return
			}
			e.mu.Lock()
			e.heard = append(e.heard, string(buffer[:n]))
			e.mu.Unlock()
		}
	}()
	return e
}

// wantSilence sends a packet of its own, which arrives after everything that was sent on this machine
// before, and expects to receive only that.
func (e *ear) wantSilence(t *testing.T) {
	t.Helper()
	self := listenUDP(t, "127.0.0.1:0")
	if e.LocalAddr().(*net.UDPAddr).IP.To4() == nil {
		self = listenUDP(t, "[::1]:0")
	}
	if _, err := self.WriteTo([]byte("end"), e.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	heard := func() []string {
		e.mu.Lock()
		defer e.mu.Unlock()
		return slices.Clone(e.heard)
	}
	eventually(t, "the last packet arrives", func() bool { return slices.Contains(heard(), "end") })
	if got := heard(); len(got) != 1 {
		t.Errorf("%s heard %q", e.LocalAddr(), got)
	}
	e.Close()
	<-e.done
}

func port(conn net.PacketConn) uint16 { return uint16(conn.LocalAddr().(*net.UDPAddr).Port) }

func TestForbiddenPeers(t *testing.T) {
	for _, protocol := range protocols() {
		t.Run("relay on IPv4 over "+string(protocol), func(t *testing.T) {
			forbiddenPeers(t, protocol, 1, "127.0.0.1", "192.0.2.200")
		})
		t.Run("relay on IPv6 over "+string(protocol), func(t *testing.T) {
			needIPv6(t)
			forbiddenPeers(t, protocol, 2, "::1", "2001:db8::200")
		})
	}
}

// forbiddenPeers requests every forbidden address as a peer of a relay of a family, in every possible
// way, at the port of a listener on loopback.
func forbiddenPeers(t *testing.T, protocol turnserver.Protocol, family byte, relay, public string) {
	t.Helper()
	e := listen(t, net.JoinHostPort(relay, "0"))
	s := start(t, func(c *turnserver.Config) {
		c.RelayIPs = []netip.Addr{netip.MustParseAddr(relay)}
		// Told another public address, so that loopback is not that of a relay.
		c.PublicIPs = []netip.Addr{netip.MustParseAddr(public)}
	})
	c := s.rawOver(t, protocol, "mallory")
	c.allocate(t, requestedFamily(family))
	addresses := slices.Concat(forbidden(), ownAddresses(t))
	for i, address := range addresses {
		peer := netip.AddrPortFrom(netip.MustParseAddr(address), port(e))
		channel := uint16(0x4000 + i)
		c.wantCode(t, c.request(t, stun.MethodCreatePermission, xorPeer{peer}), stun.CodeForbidden)
		c.wantCode(t, c.request(t, stun.MethodChannelBind, channelNumber(channel), xorPeer{peer}), stun.CodeForbidden)
		c.sendIndication(t, peer, "indication")
		c.send(t, channelData(channel, "channel data")) // of a length that needs no padding
	}
	// An answer means that everything before it has been handled.
	wantSuccess(t, c.request(t, stun.MethodRefresh))
	e.wantSilence(t)
	if got := s.server.Snapshot(); got.DeniedPeers != uint64(2*len(addresses)) || got.ToPeers.Packets != 0 {
		t.Errorf("snapshot %+v", got)
	}
}

// ownAddresses returns the addresses of the machine's interfaces.
func ownAddresses(t *testing.T) (own []string) {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		own = append(own, addr.(*net.IPNet).IP.String())
	}
	return own
}

// Channels, permissions and what peers send stop working with the rule that allowed them, over every
// protocol.
func TestForbiddenFromNowOn(t *testing.T) {
	for _, protocol := range protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			s := start(t, func(c *turnserver.Config) {
				allowLoopback(c)
				c.PublicIPs = []netip.Addr{netip.MustParseAddr("192.0.2.200")}
			})
			e := listenUDP(t, "127.0.0.1:0")
			peer := addrPortOf(e.LocalAddr())
			c := s.rawOver(t, protocol, "mallory")
			relayed := c.allocate(t)
			bound := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), relayed.Port()))
			c.bind(t, 0x4000, xorPeer{peer})
			allowed := []func(){
				func() { c.send(t, channelData(0x4000, "by channel..")) },
				func() { c.sendIndication(t, peer, "indication..") },
			}
			for _, send := range allowed {
				send()
				hear(t, e)
			}
			s.server.SetPeers(nil, nil)
			for _, send := range allowed {
				send()
			}
			c.wantCode(t, c.request(t, stun.MethodCreatePermission, xorPeer{peer}), stun.CodeForbidden)
			c.wantCode(t, c.request(t, stun.MethodChannelBind, channelNumber(0x4000), xorPeer{peer}), stun.CodeForbidden)
			if _, err := e.WriteTo([]byte("from a forbidden source"), bound); err != nil {
				t.Fatal(err)
			}
			eventually(t, "three are denied", func() bool { return s.server.Snapshot().DeniedPackets == 3 })
			self := listenUDP(t, "127.0.0.1:0")
			if _, err := self.WriteTo([]byte("end"), e.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			if got := hear(t, e); got != "end" {
				t.Errorf("heard %q", got)
			}
			if got := s.server.Snapshot(); got.ToPeers.Packets != 2 || got.FromPeers.Packets != 0 {
				t.Errorf("snapshot %+v", got)
			}
		})
	}
}

// hear returns the next datagram.
func hear(t *testing.T, conn net.PacketConn) string {
	t.Helper()
	buffer := make([]byte, 2048)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, _, err := conn.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

// A relay accepts packets only from peers that its client permits, whether they come from the network
// or from another relay of the server.
func TestOnlyPermitted(t *testing.T) {
	for _, protocol := range protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			s := start(t, allowLoopback)
			ann, mallory := s.rawOver(t, protocol, "ann"), s.rawAs(t, "mallory")
			relayed, theirs := ann.allocate(t), mallory.allocate(t)
			friend, stranger := listenUDP(t, "127.0.0.2:0"), listenUDP(t, "127.0.0.3:0")
			wantSuccess(t, ann.request(t, stun.MethodCreatePermission, xorPeer{addrPortOf(friend.LocalAddr())}))
			// The other side's permission opens nothing here.
			mallory.bind(t, 0x4000, xorPeer{relayed})
			mallory.send(t, channelData(0x4000, "short cut by channel"))
			mallory.sendIndication(t, relayed, "short cut by indication")
			wantSuccess(t, mallory.request(t, stun.MethodRefresh))
			for _, from := range []net.PacketConn{stranger, friend} {
				if _, err := from.WriteTo([]byte("from "+from.LocalAddr().String()), net.UDPAddrFromAddrPort(relayed)); err != nil {
					t.Fatal(err)
				}
			}
			payload, from := ann.receiveData(t)
			if want := "from " + friend.LocalAddr().String(); payload != want || from != addrPortOf(friend.LocalAddr()) {
				t.Errorf("got %q from %s, want %q", payload, from, want)
			}
			// Nor does what is permitted in one direction alone lead out to others.
			ann.sendIndication(t, addrPortOf(stranger.LocalAddr()), "to a stranger")
			ann.sendIndication(t, theirs, "to the other relay......")
			ann.sendIndication(t, addrPortOf(friend.LocalAddr()), "to a friend.")
			if got := hear(t, friend); got != "to a friend." {
				t.Errorf("heard %q", got)
			}
			if got := s.server.Snapshot(); got.FromPeers.Packets != 1 {
				t.Errorf("snapshot %+v", got)
			}
			// Another user's credential does not lead to the allocation.
			other := *ann
			other.username, other.password = s.server.Credential("mallory", time.Minute)
			other.wantCode(t, other.request(t, stun.MethodCreatePermission, xorPeer{addrPortOf(stranger.LocalAddr())}), stun.CodeWrongCredentials)
		})
	}
}

// receiveData returns the next Data indication.
func (c *rawClient) receiveData(t *testing.T) (payload string, from netip.AddrPort) {
	t.Helper()
	indication := &stun.Message{Raw: []byte(hear(t, c.conn))}
	var peer stun.XORMappedAddress
	var content []byte
	err := indication.Decode()
	if err == nil {
		err = peer.GetFromAs(indication, stun.AttrXORPeerAddress)
	}
	if err == nil {
		content, err = indication.Get(stun.AttrData)
	}
	if err != nil || indication.Type != stun.NewType(stun.MethodData, stun.ClassIndication) {
		t.Fatalf("%s: %v", indication.Type, err)
	}
	ip, _ := netip.AddrFromSlice(peer.IP)
	return string(content), netip.AddrPortFrom(ip.Unmap(), uint16(peer.Port))
}

// A forbidden address among allowed ones makes the whole request fail.
func TestForbiddenAmongAllowed(t *testing.T) {
	s := start(t, nil)
	c := s.rawAs(t, "mallory")
	c.allocate(t)
	good := xorPeer{netip.MustParseAddrPort("8.8.8.8:9")}
	bad := xorPeer{netip.MustParseAddrPort("10.0.0.1:9")}
	wantSuccess(t, c.request(t, stun.MethodCreatePermission, good))
	c.wantCode(t, c.request(t, stun.MethodCreatePermission, good, bad), stun.CodeForbidden)
	c.wantCode(t, c.request(t, stun.MethodCreatePermission), stun.CodeBadRequest)
}

// The IP address of a live relay may be permitted. Of its ports only those of live relays are reached,
// in both directions.
func TestOwnRelayAddressIsNoWayIn(t *testing.T) {
	s := start(t, nil)
	e := listen(t, "127.0.0.1:0")
	c := s.rawAs(t, "mallory")
	relayed := c.allocate(t)
	peer := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port(e))
	wantSuccess(t, c.request(t, stun.MethodCreatePermission, xorPeer{peer}))
	c.bind(t, 0x4000, xorPeer{peer})
	c.sendIndication(t, peer, "indication")
	c.send(t, channelData(0x4000, "channel data"))
	// The server's own port, and the other way round.
	c.sendIndication(t, addrPortOf(s.udp.LocalAddr()), "own listener")
	if _, err := e.WriteTo([]byte("from a forbidden source"), net.UDPAddrFromAddrPort(relayed)); err != nil {
		t.Fatal(err)
	}
	wantSuccess(t, c.request(t, stun.MethodRefresh))
	e.wantSilence(t)
	eventually(t, "the packets are counted as denied", func() bool { return s.server.Snapshot().DeniedPackets == 4 })
	if got := s.server.Snapshot(); got.ToPeers.Packets != 0 || got.FromPeers.Packets != 0 {
		t.Errorf("relayed: %+v", got)
	}
}

func addrPortOf(addr net.Addr) netip.AddrPort { return addr.(*net.UDPAddr).AddrPort() }

func TestAllowedPeers(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		c.AllowPeers = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
		c.DenyPeers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("9.9.9.0/24")}
		c.PublicIPs = []netip.Addr{netip.MustParseAddr("192.0.2.200")}
	})
	c := s.rawAs(t, "ann")
	c.allocate(t)
	for peer, allowed := range map[string]bool{
		"127.0.0.2": true, "::ffff:127.0.0.2": true, "8.8.8.8": true,
		"127.0.0.3": false, "9.9.9.9": false, "::127.0.0.2": false, "64:ff9b::127.0.0.2": false,
	} {
		answer := c.request(t, stun.MethodCreatePermission, xorPeer{netip.AddrPortFrom(netip.MustParseAddr(peer), 9)})
		if got := answer.Type.Class == stun.ClassSuccessResponse; got != allowed {
			t.Errorf("%s: allowed %t, want %t", peer, got, allowed)
		}
	}
	e := listenUDP(t, "127.0.0.2:0")
	c.sendIndication(t, addrPortOf(e.LocalAddr()), "let through")
	if err := e.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 64)
	if n, _, err := e.ReadFrom(buffer); err != nil || string(buffer[:n]) != "let through" {
		t.Errorf("heard %q, %v", buffer[:n], err)
	}
}

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLogs(t *testing.T) {
	var log lockedBuffer
	s := start(t, func(c *turnserver.Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	})
	c := s.rawAs(t, "mallory")
	c.allocate(t)
	for _, peer := range []string{"10.0.0.1:9", "192.168.0.1:9", "10.0.0.2:9"} {
		c.wantCode(t, c.request(t, stun.MethodCreatePermission, xorPeer{netip.MustParseAddrPort(peer)}), stun.CodeForbidden)
	}
	wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
	eventually(t, "the allocation ends", func() bool { return strings.Contains(log.String(), "allocation ended") })
	text := log.String()
	if n := strings.Count(text, "relay refuses a peer"); n != 1 || !strings.Contains(text, "private 10.0.0.0/8") {
		t.Errorf("%d lines about refused peers, want 1 with the rule:\n%s", n, text)
	}
	for _, secret := range []string{"127.0.0.1", "10.0.0.1", c.password, string(testSecret())} {
		if strings.Contains(text, secret) {
			t.Errorf("the log tells %q:\n%s", secret, text)
		}
	}
	for _, field := range []string{`"user":"mallory"`, `"protocol":"udp"`, `"bytes_to_peers":0`, `"seconds":`} {
		if !strings.Contains(text, field) {
			t.Errorf("the log does not tell %s:\n%s", field, text)
		}
	}
}
