package netaddr_test

import (
	"fmt"
	"net/netip"
	"testing"

	"callbox/internal/netaddr"
)

func TestClient(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"192.0.2.7", "192.0.2.7"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"fe80::1%eth0", "fe80::"},
	} {
		if got := netaddr.Client(netip.MustParseAddr(test.addr)).String(); got != test.want {
			t.Errorf("Client(%s) = %s, want %s", test.addr, got, test.want)
		}
	}
	if got := netaddr.Client(netip.Addr{}); got != (netip.Addr{}) {
		t.Errorf("Client of the zero address = %v, want the zero address", got)
	}
}

func ExampleClient() {
	fmt.Println(netaddr.Client(netip.MustParseAddr("2001:db8::1")) == netaddr.Client(netip.MustParseAddr("2001:db8::2")))
	// Output: true
}
