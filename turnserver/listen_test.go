package turnserver_test

import (
	"net"
	"runtime"
	"testing"

	"callbox/turnserver"
)

func TestListen(t *testing.T) {
	for _, shards := range []int{0, 1, 4} {
		conns, err := turnserver.Listen(t.Context(), "udp4", "127.0.0.1:0", shards)
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		if runtime.GOOS == "linux" {
			want = max(1, shards)
		}
		if len(conns) != want {
			t.Errorf("%d shards: %d sockets, want %d", shards, len(conns), want)
		}
		for _, conn := range conns {
			if conn.LocalAddr().String() != conns[0].LocalAddr().String() {
				t.Errorf("bound to %s and %s", conns[0].LocalAddr(), conn.LocalAddr())
			}
			defer conn.Close()
		}
		// Another program's port is not shared, whoever came first.
		if more, err := turnserver.Listen(t.Context(), "udp4", conns[0].LocalAddr().String(), shards); err == nil {
			t.Errorf("%d shards: bound once more: %d", shards, len(more))
		}
	}
	taken := listenUDP(t, "127.0.0.1:0")
	if _, err := turnserver.Listen(t.Context(), "udp4", taken.LocalAddr().String(), 2); err == nil {
		t.Error("bound to what is taken")
	}
}

// Clients are spread over the sockets, and each is served by the one it meets.
func TestShards(t *testing.T) {
	var shard net.Addr
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		conns, err := turnserver.Listen(t.Context(), "udp4", "127.0.0.1:0", 3)
		if err != nil {
			t.Fatal(err)
		}
		shard = conns[0].LocalAddr()
		c.PacketConns = append(conns, c.PacketConns...)
	})
	s.udp = addressed{s.udp, shard}
	var relays []net.PacketConn
	for range 8 {
		relays = append(relays, allocate(t, s.client(t, turnserver.UDP, "ann")))
	}
	for i, relay := range relays {
		if _, err := relays[(i+1)%len(relays)].WriteTo([]byte(opener), relay.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	for i, relay := range relays {
		exchange(t, relay, relays[(i+1)%len(relays)], []byte("around"))
	}
}

// addressed is a socket that reports another address.
type addressed struct {
	net.PacketConn
	addr net.Addr
}

func (a addressed) LocalAddr() net.Addr { return a.addr }
