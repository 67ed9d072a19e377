package datapath_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"callbox/turnserver/datapath"
	"callbox/turnserver/wire"
)

const patience = 20 * time.Second

// variants are the configurations of a path, which must all do the same.
func variants() map[string]datapath.Config {
	all := map[string]datapath.Config{
		"portable":              {Portable: true},
		"portable, no shortcut": {Portable: true, NoShortCut: true},
	}
	if runtime.GOOS == "linux" {
		all["engine"] = datapath.Config{Engines: 1}
		all["engine, no shortcut"] = datapath.Config{Engines: 1, NoShortCut: true}
		all["engine, no offload"] = datapath.Config{Engines: 1, NoOffload: true}
		all["two engines"] = datapath.Config{Engines: 2}
	}
	return all
}

// everywhere runs a test for each variant.
func everywhere(t *testing.T, test func(t *testing.T, config datapath.Config)) {
	t.Helper()
	for name, config := range variants() {
		t.Run(name, func(t *testing.T) { test(t, config) })
	}
}

// server is a path with one socket, and a control plane that the test drives.
type server struct {
	path   *datapath.Path
	socket *datapath.Socket
}

func start(tb testing.TB, config datapath.Config) *server {
	tb.Helper()
	return startAt(tb, config, "127.0.0.1:0")
}

func startAt(tb testing.TB, config datapath.Config, address string) *server {
	tb.Helper()
	path, err := datapath.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(path.Close)
	return &server{path: path, socket: listenOn(tb, path, address)}
}

func listenOn(tb testing.TB, path *datapath.Path, address string) *datapath.Socket {
	tb.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		tb.Fatal(err)
	}
	socket, err := path.Socket(conn)
	if err != nil {
		tb.Fatal(err)
	}
	return socket
}

// party is a client with a relay.
type party struct {
	*conn
	relay   *datapath.Relay
	relayed netip.AddrPort
}

// conn is a socket with its address.
type conn struct {
	*net.UDPConn
	addr netip.AddrPort
}

func dial(tb testing.TB, address string) *conn {
	tb.Helper()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = udp.Close() }) // the path may have closed it
	if err := udp.SetReadBuffer(4 << 20); err != nil {
		tb.Fatal(err)
	}
	return &conn{udp, addrPort(udp.LocalAddr())}
}

func addrPort(addr net.Addr) netip.AddrPort {
	a := addr.(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (s *server) party(tb testing.TB) *party {
	tb.Helper()
	return s.partyWith(tb, "127.0.0.1:0", datapath.RelayConfig{})
}

// partyWith opens a relay at an address, for a client there.
func (s *server) partyWith(tb testing.TB, address string, config datapath.RelayConfig) *party {
	tb.Helper()
	c := dial(tb, address)
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		tb.Fatal(err)
	}
	config.Bound = addrPort(udp.LocalAddr())
	if !config.Relayed.IsValid() {
		config.Relayed = config.Bound
	}
	relay, err := s.path.Open(s.socket.Client(c.addr, netip.Addr{}), udp, config)
	if err != nil {
		tb.Fatal(err)
	}
	if err := relay.Start(); err != nil {
		tb.Fatal(err)
	}
	return &party{conn: c, relay: relay, relayed: config.Relayed}
}

// bind binds and announces a channel.
func bind(r *datapath.Relay, number uint16, peer netip.AddrPort) {
	r.Bind(number, peer, true)
	r.Announce(number)
}

func (c *conn) send(tb testing.TB, p []byte, to netip.AddrPort) {
	tb.Helper()
	if _, err := c.WriteToUDPAddrPort(p, to); err != nil {
		tb.Fatal(err)
	}
}

// say sends to the socket of the server.
func (p *party) say(tb testing.TB, s *server, message []byte) {
	tb.Helper()
	p.send(tb, message, addrPort(s.socket.LocalAddr()))
}

func (c *conn) receive(tb testing.TB) ([]byte, netip.AddrPort) {
	tb.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	n, from, err := c.ReadFromUDPAddrPort(buffer)
	if err != nil {
		tb.Fatal(err)
	}
	return buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

func (c *conn) want(tb testing.TB, p []byte, from netip.AddrPort) {
	tb.Helper()
	got, source := c.receive(tb)
	if !bytes.Equal(got, p) || source != from {
		tb.Fatalf("got %d bytes %.40x from %s, want %d bytes %.40x from %s", len(got), got, source, len(p), p, from)
	}
}

func channelData(number uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

func sendIndication(peer netip.AddrPort, payload []byte) []byte {
	b := wire.Build(nil, wire.NewType(wire.Send, wire.Indication), wire.TransactionID{1, 2, 3})
	b.AddXORAddress(wire.XORPeerAddress, peer)
	b.Add(wire.DataValue, payload)
	return b.Bytes()
}

// wantIndication expects a Data indication from a peer.
func (c *conn) wantIndication(tb testing.TB, peer netip.AddrPort, payload []byte) {
	tb.Helper()
	got, _ := c.receive(tb)
	m, err := wire.Parse(got)
	if err != nil || m.Type() != wire.NewType(wire.Data, wire.Indication) {
		tb.Fatalf("got %.40x: %v", got, err)
	}
	value, _ := m.Get(wire.XORPeerAddress)
	from, _ := m.Address(value)
	data, _ := m.Get(wire.DataValue)
	if from != peer || !bytes.Equal(data, payload) {
		tb.Fatalf("got %d bytes from %s, want %d from %s", len(data), from, len(payload), peer)
	}
}

// pattern returns a payload that differs from all others of the same length.
func pattern(n, seed int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8 + seed)
	}
	return p
}

func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !holds(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("never: %s", what)
		}
	}
}

func openFiles(tb testing.TB) int {
	tb.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(entries)
}

// sizes are lengths of payloads at all limits.
func sizes() []int { return []int{0, 1, 2, 3, 4, 5, 160, 1000, 1200, 1472, 1500, 9000, 65000} }

func TestChannelBothWays(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, peer := s.party(t), dial(t, "127.0.0.1:0")
		a.relay.Permit(peer.addr.Addr(), true)
		bind(a.relay, 0x4000, peer.addr)
		var bytes uint64
		for i, size := range sizes() {
			p := pattern(size, i)
			bytes += uint64(size)
			a.say(t, s, channelData(0x4000, p))
			peer.want(t, p, a.relayed)
			peer.send(t, p, a.relayed)
			a.want(t, channelData(0x4000, p), addrPort(s.socket.LocalAddr()))
		}
		want := datapath.Count{Packets: uint64(len(sizes())), Bytes: bytes}
		eventually(t, "all is counted", func() bool {
			got := a.relay.Traffic()
			return got.ToPeers.Channel == want && got.FromPeers.Channel == want && got.ToPeers.Total() == want
		})
		if got := s.path.Stats(); len(got.Drops) != 0 || got.Traffic != a.relay.Traffic() {
			t.Errorf("stats %+v", got)
		}
	})
}

// A channel that is not announced yet works only in the direction from the client.
func TestChannelIsAnnounced(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, b, peer := s.party(t), s.party(t), dial(t, "127.0.0.1:0")
		at := addrPort(s.socket.LocalAddr())
		a.relay.Permit(peer.addr.Addr(), true)
		b.relay.Permit(peer.addr.Addr(), true)
		bind(b.relay, 0x4000, a.relayed)
		a.relay.Bind(0x4001, peer.addr, true)
		a.relay.Bind(0x4002, b.relayed, true)
		fromPeers := func(want func(from netip.AddrPort, number uint16, p []byte)) {
			t.Helper()
			p := pattern(100, 1)
			peer.send(t, p, a.relayed)
			want(peer.addr, 0x4001, p)
			b.say(t, s, channelData(0x4000, p))
			want(b.relayed, 0x4002, p)
		}
		fromPeers(func(from netip.AddrPort, _ uint16, p []byte) { a.wantIndication(t, from, p) })
		a.say(t, s, channelData(0x4001, pattern(100, 2)))
		peer.want(t, pattern(100, 2), a.relayed)
		a.say(t, s, channelData(0x4002, pattern(100, 3)))
		b.want(t, channelData(0x4000, pattern(100, 3)), at)
		for _, number := range []uint16{0x4001, 0x4001, 0x4002, 0x4003} { // again, and one that is not bound
			a.relay.Announce(number)
		}
		fromPeers(func(_ netip.AddrPort, number uint16, p []byte) { a.want(t, channelData(number, p), at) })
		if _, channels := a.relay.Rights(); channels != 2 {
			t.Errorf("%d channels", channels)
		}
	})
}

func TestIndicationsBothWays(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, peer := s.party(t), dial(t, "127.0.0.1:0")
		a.relay.Permit(peer.addr.Addr(), true)
		for i, size := range sizes() {
			p := pattern(size, i)
			a.say(t, s, sendIndication(peer.addr, p))
			peer.want(t, p, a.relayed)
			peer.send(t, p, a.relayed)
			a.wantIndication(t, peer.addr, p)
		}
		want := uint64(len(sizes()))
		eventually(t, "all is counted", func() bool {
			got := a.relay.Traffic()
			return got.ToPeers.Indication.Packets == want && got.FromPeers.Indication.Packets == want
		})
	})
}

func TestRelayToRelay(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		config.Denies = func(netip.Addr) string { return "everything but live relays" }
		s := start(t, config)
		a, b := s.party(t), s.party(t)
		at := addrPort(s.socket.LocalAddr())
		for _, p := range []*party{a, b} {
			p.relay.Permit(a.relayed.Addr(), true)
		}
		bind(a.relay, 0x4000, b.relayed)
		for i, size := range sizes() {
			p := pattern(size, i)
			a.say(t, s, channelData(0x4000, p))
			b.wantIndication(t, a.relayed, p)
			b.say(t, s, sendIndication(a.relayed, p))
			a.want(t, channelData(0x4000, p), at)
		}
		bind(b.relay, 0x7fff, a.relayed)
		for i, size := range append(sizes(), 65503) {
			p := pattern(size, i)
			a.say(t, s, channelData(0x4000, p))
			b.want(t, channelData(0x7fff, p), at)
			b.say(t, s, channelData(0x7fff, p))
			a.want(t, channelData(0x4000, p), at)
		}
		n := uint64(2*len(sizes()) + 1)
		eventually(t, "all is counted", func() bool {
			got, other := a.relay.Traffic(), b.relay.Traffic()
			return got.ToPeers.Total().Packets == n && got.FromPeers.Total().Packets == n && other.FromPeers.Total() == got.ToPeers.Total()
		})
		if got := a.relay.Traffic().ToPeers.ShortCut.Packets; (got == n) == config.NoShortCut {
			t.Errorf("%d by the short cut", got)
		}
	})
}
