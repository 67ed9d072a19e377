package datapath_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"callbox/turnserver/datapath"
)

// engines are the variants that exist only on Linux.
func engines(t *testing.T, test func(t *testing.T, config datapath.Config)) {
	t.Helper()
	for name, config := range variants() {
		if !config.Portable {
			t.Run(name, func(t *testing.T) { test(t, config) })
		}
	}
}

// sendSplit makes the kernel split p into datagrams of n bytes, of which the last may be
// shorter. On loopback they arrive coalesced if the receiver allows that.
func (c *conn) sendSplit(tb testing.TB, p []byte, n int, to netip.AddrPort) {
	tb.Helper()
	control := make([]byte, unix.CmsgSpace(2))
	putHeader(control, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(n))
	if _, _, err := c.WriteMsgUDPAddrPort(p, control, to); err != nil {
		tb.Fatal(err)
	}
}

// putHeader writes the cmsghdr of a control message of n bytes.
func putHeader(b []byte, level, kind uint32, n int) {
	word := unix.CmsgLen(0) - 8
	if word == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(n)))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(n)))
	}
	binary.NativeEndian.PutUint32(b[word:], level)
	binary.NativeEndian.PutUint32(b[word+4:], kind)
}

// bursts are datagrams that come at once: how many, of which length, and the length of the
// last.
func bursts() [][3]int {
	return [][3]int{{8, 1000, 1000}, {8, 1000, 300}, {2, 1200, 1}, {40, 160, 160}, {60, 996, 7}, {3, 1468, 1468}, {16, 4, 4}}
}

// burst makes the payloads of one burst.
func burst(b [3]int, seed int) (all [][]byte) {
	for i := range b[0] - 1 {
		all = append(all, pattern(b[1], seed+i))
	}
	return append(all, pattern(b[2], seed+b[0]))
}

// Bursts are relayed completely and in order, coalesced or not.
func TestBurstsInChannels(t *testing.T) {
	engines(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, b, peer := s.party(t), s.party(t), dial(t, "127.0.0.1:0")
		a.relay.Permit(peer.addr.Addr(), true)
		b.relay.Permit(peer.addr.Addr(), true)
		bind(a.relay, 0x4000, peer.addr)
		bind(a.relay, 0x4001, b.relayed)
		bind(b.relay, 0x4002, a.relayed)
		at := addrPort(s.socket.LocalAddr())
		for seed, shape := range bursts() {
			payloads := burst(shape, seed)
			var up, across, down []byte
			for _, p := range payloads {
				up = append(up, channelData(0x4000, p)...)
				across = append(across, channelData(0x4001, p)...)
				down = append(down, p...)
			}
			a.sendSplit(t, up, shape[1]+4, at)
			a.sendSplit(t, across, shape[1]+4, at)
			for _, p := range payloads {
				peer.want(t, p, a.relayed)
				b.want(t, channelData(0x4002, p), at)
			}
			peer.sendSplit(t, down, shape[1], a.relayed)
			for _, p := range payloads {
				a.want(t, channelData(0x4000, p), at)
			}
		}
		joins(t, s, config)
	})
}

// The same to clients without a channel.
func TestBurstsInIndications(t *testing.T) {
	engines(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, b, peer := s.party(t), s.party(t), dial(t, "127.0.0.1:0")
		for _, p := range []*party{a, b} {
			p.relay.Permit(peer.addr.Addr(), true)
		}
		bind(a.relay, 0x4001, b.relayed)
		for seed, shape := range bursts() {
			payloads := burst(shape, seed)
			var across, down []byte
			for _, p := range payloads {
				across = append(across, channelData(0x4001, p)...)
				down = append(down, p...)
			}
			a.sendSplit(t, across, shape[1]+4, addrPort(s.socket.LocalAddr()))
			for _, p := range payloads {
				b.wantIndication(t, a.relayed, p)
			}
			peer.sendSplit(t, down, shape[1], a.relayed)
			for _, p := range payloads {
				a.wantIndication(t, peer.addr, p)
			}
		}
		joins(t, s, config)
	})
}

// What comes of one read from a stream is sent together, to peers and to clients.
func TestBurstsOfStreams(t *testing.T) {
	engines(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, b, other, peer := s.streamParty(t), s.party(t), s.streamParty(t), dial(t, "127.0.0.1:0")
		for _, r := range []*datapath.Relay{a.relay, b.relay, other.relay} {
			r.Permit(peer.addr.Addr(), true)
		}
		bind(a.relay, 0x4000, peer.addr)
		bind(a.relay, 0x4001, b.relayed)
		bind(a.relay, 0x4002, other.relayed)
		bind(other.relay, 0x4003, a.relayed)
		for seed, shape := range bursts() {
			payloads := burst(shape, seed)
			for _, p := range payloads {
				for number := uint16(0x4000); number < 0x4003; number++ {
					a.stream.Receive(channelData(number, p))
				}
			}
			a.stream.Flush()
			var stream []byte
			for _, p := range payloads {
				peer.want(t, p, a.relayed)
				b.wantIndication(t, a.relayed, p)
				stream = append(stream, padded(channelData(0x4003, p))...)
			}
			other.want(t, stream)
		}
		if got := s.path.Stats(); got.Segmented > 0 == config.NoOffload || len(got.Drops) > 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

// One read may bring more frames than an engine collects.
func TestManyFramesOfOneRead(t *testing.T) {
	engines(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a := s.streamParty(t)
		const each = 200 // datagrams, which the sockets hold
		var peers [4]*conn
		for i := range peers {
			peers[i] = dial(t, "127.0.0.1:0")
			a.relay.Permit(peers[i].addr.Addr(), true)
			bind(a.relay, 0x4000+uint16(i), peers[i].addr)
		}
		for n := range each {
			for i := range peers {
				a.stream.Receive(channelData(0x4000+uint16(i), pattern(4, n)))
			}
		}
		a.stream.Flush()
		for n := range each {
			for _, peer := range peers {
				peer.want(t, pattern(4, n), a.relayed)
			}
		}
	})
}

// joins checks that the kernel has coalesced and split, unless it must not.
func joins(t *testing.T, s *server, config datapath.Config) {
	t.Helper()
	stats := s.path.Stats()
	if on := stats.Segmented > 0 && stats.Coalesced > 0; on == config.NoOffload || len(stats.Drops) > 0 {
		t.Errorf("stats %+v", stats)
	}
}

// A device that cannot split gets each datagram by itself.
func TestRefusedSegments(t *testing.T) {
	for _, offload := range []string{"listener", "relay"} {
		t.Run(offload, func(t *testing.T) {
			path, err := datapath.New(datapath.Config{Engines: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(path.Close)
			listener, relay := dial(t, "127.0.0.1:0"), dial(t, "127.0.0.1:0")
			// Without checksums the kernel refuses to split.
			refusing := map[string]*conn{"listener": listener, "relay": relay}[offload]
			raw, err := refusing.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			if err := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1)
			}); err != nil {
				t.Fatal(err)
			}
			s := &server{path: path}
			if s.socket, err = path.Socket(listener.UDPConn); err != nil {
				t.Fatal(err)
			}
			c, peer := dial(t, "127.0.0.1:0"), dial(t, "127.0.0.1:0")
			r, err := path.Open(s.socket.Client(c.addr, netip.Addr{}), relay.UDPConn, datapath.RelayConfig{Relayed: relay.addr, Bound: relay.addr})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			r.Permit(peer.addr.Addr(), true)
			bind(r, 0x4000, peer.addr)
			at := addrPort(s.socket.LocalAddr())
			for seed := range 20 { // often enough for it to be given up
				payloads := burst([3]int{5, 1000, 10}, seed)
				var up, down []byte
				for _, p := range payloads {
					up = append(up, channelData(0x4000, p)...)
					down = append(down, p...)
				}
				c.sendSplit(t, up, 1004, at)
				for _, p := range payloads {
					peer.want(t, p, relay.addr)
				}
				peer.sendSplit(t, down, 1000, relay.addr)
				for _, p := range payloads {
					c.want(t, channelData(0x4000, p), at)
				}
			}
			if stats := path.Stats(); len(stats.Drops) > 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

// Datagrams that a full receive buffer drops are counted.
func TestOverflows(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path, err := datapath.New(datapath.Config{Engines: 1, Unauthenticated: nil})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(path.Close)
	to := addrPort(conn.LocalAddr())
	// Nobody reads until the path has the socket.
	c := dial(t, "127.0.0.1:0")
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		c.send(t, make([]byte, 1000), to)
	}
	if _, err := path.Socket(conn); err != nil {
		t.Fatal(err)
	}
	if n := path.Stats().Overflows; n == 0 || n >= 100 {
		t.Errorf("%d overflows", n)
	}
	path.Close()
	if n := path.Stats().Overflows; n == 0 || n >= 100 {
		t.Errorf("%d overflows after the end", n)
	}
}

// An engine does not block, or blocks no longer, while streams bring packets as often as its
// sockets. It must still receive everything.
func TestBesideStreams(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		if got := runtime.GOMAXPROCS(0); got != before {
			t.Errorf("%d processors, were %d", got, before)
		}
	})
	s := start(t, datapath.Config{Engines: 1})
	at, peer, c := addrPort(s.socket.LocalAddr()), dial(t, "127.0.0.1:0"), s.party(t)
	c.relay.Permit(peer.addr.Addr(), true)
	bind(c.relay, 0x4000, peer.addr)
	stream := s.path.NewStream()
	defer stream.Close()
	exchange := func(streamed func()) {
		p := pattern(100, 1)
		streamed()
		peer.send(t, p, c.relayed)
		c.want(t, channelData(0x4000, p), at)
		streamed()
		c.send(t, channelData(0x4000, p), at)
		peer.want(t, p, c.relayed)
	}
	for range 100 {
		exchange(stream.Flush)
	}
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d processors, were %d: the engine waits by itself", got, before)
	}
	for range 5 {
		eventually(t, "the engine waits by itself", func() bool {
			for range 50 {
				exchange(func() {})
			}
			return s.path.Blocks()
		})
		for range 50 {
			exchange(stream.Flush)
		}
		if s.path.Blocks() {
			t.Error("the engine still waits by itself")
		}
	}
}

// Where packets come in quick succession an engine blocks. It must receive what comes to any
// socket, also to a new one, or one with the number of a closed one. All other goroutines have
// as many processors as before, and in the end the engine gives back those that it has added.
func TestQuickSuccession(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	engines(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		path, err := datapath.New(config)
		if err != nil {
			t.Fatal(err)
		}
		s := &server{path: path, socket: listenOn(t, path, "127.0.0.1:0")}
		at, peer := addrPort(s.socket.LocalAddr()), dial(t, "127.0.0.1:0")
		c := s.party(t)
		number := 0
		exchange := func() {
			p := pattern(100, number)
			number++
			peer.send(t, p, c.relayed)
			c.want(t, channelData(0x4000, p), at)
			c.send(t, channelData(0x4000, p), at)
			peer.want(t, p, c.relayed)
		}
		for range 4 {
			c.relay.Permit(peer.addr.Addr(), true)
			bind(c.relay, 0x4000, peer.addr)
			eventually(t, "the engine waits by itself", func() bool {
				for range 50 {
					exchange()
				}
				return runtime.GOMAXPROCS(0) == before+config.Engines
			})
			runtime.GC() // stops and starts everything
			exchange()
			c.relay.Close()
			c = s.party(t)
		}
		path.Close()
		path.Close()
		if got := runtime.GOMAXPROCS(0); got != before {
			t.Errorf("%d processors, were %d", got, before)
		}
	})
}
