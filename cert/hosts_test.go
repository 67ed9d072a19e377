package cert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	hosts := Hosts()
	for _, want := range []string{"localhost", "127.0.0.1"} {
		if !slices.Contains(hosts, want) {
			t.Errorf("Hosts() = %q, want %s in it", hosts, want)
		}
	}
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil && addr.IsLinkLocalUnicast() {
			t.Errorf("Hosts() has %s, which needs a zone", host)
		}
	}
}

func TestParseHosts(t *testing.T) {
	t.Parallel()
	got := parseHosts([]string{"B.Local.", "b.local", "::ffff:192.0.2.1", "192.0.2.1", "::", "fe80::1%eth0", "", "-a", "a-", "a_b", "a..b", "摄像", strings.Repeat("a", 64)})
	if want := []string{"b.local"}; !slices.Equal(got.names, want) {
		t.Errorf("names = %q, want %q", got.names, want)
	}
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.1")}; !slices.Equal(got.addrs, want) {
		t.Errorf("addresses = %v, want %v", got.addrs, want)
	}
}

func TestParseHostsBound(t *testing.T) {
	t.Parallel()
	hosts := []string{"localhost", "127.0.0.1"}
	for i := range 300 {
		hosts = append(hosts, fmt.Sprintf("10.0.%d.%d", i/200, i%200), fmt.Sprintf("host-%d.lan", i))
	}
	got := parseHosts(hosts)
	if len(got.names) != maxHosts || len(got.addrs) != maxHosts || got.names[0] != "localhost" {
		t.Errorf("%d names, %d addresses, first %q; want %d of each, localhost first", len(got.names), len(got.addrs), got.names[0], maxHosts)
	}
}
