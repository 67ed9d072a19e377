package netaddr_test

import (
	"net"
	"net/netip"
	"testing"

	"callbox/internal/netaddr"
)

func TestAddrPort(t *testing.T) {
	ip := net.ParseIP("192.0.2.1") // in 16 bytes
	for _, test := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: ip, Port: 1}, "192.0.2.1:1"},
		{&net.UDPAddr{IP: ip, Port: 2}, "192.0.2.1:2"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 3}, "[fe80::1%eth0]:3"},
		{&net.UnixAddr{Name: "socket"}, netip.AddrPort{}.String()},
	} {
		if got := netaddr.AddrPort(test.addr); got.String() != test.want {
			t.Errorf("AddrPort(%v) = %s, want %s", test.addr, got, test.want)
		}
	}
}
