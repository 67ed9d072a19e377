package main

import (
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"callbox/turnserver"
)

// machineOf returns a machine with the given addresses. Packets to the Internet leave
// from those that are also in routes.
func machineOf(addrs string, routes ...string) *machine {
	m := &machine{addrs: ips(addrs)}
	m.route = func(to netip.Addr) netip.Addr {
		for _, route := range routes {
			if addr := netip.MustParseAddr(route); addr.Is4() == to.Is4() {
				return addr
			}
		}
		return netip.Addr{}
	}
	return m
}

func ips(texts string) []netip.Addr {
	var faults faults
	return parseAddrs("", splitList(texts), &faults)
}

func endpointsOf(texts ...string) []turnEndpoint {
	var endpoints []turnEndpoint
	for _, text := range texts {
		endpoints = append(endpoints, turnEndpoint{turnserver.Protocol(text[:3]), netip.MustParseAddrPort(text[4:])})
	}
	return endpoints
}

func TestICEServerURLs(t *testing.T) {
	t.Parallel()
	all := endpointsOf("udp [::]:3478", "tcp [::]:3479", "tls [::]:5349")
	urls := func(host, name string) []string {
		return []string{"stun:" + host + ":3478", "turn:" + host + ":3478?transport=udp", "turn:" + host + ":3479?transport=tcp", "turns:" + name + ":5349?transport=tcp"}
	}
	leafFor := func(names []string, addrs ...string) func() *x509.Certificate {
		return func() *x509.Certificate {
			leaf := &x509.Certificate{DNSNames: names}
			for _, addr := range addrs {
				leaf.IPAddresses = append(leaf.IPAddresses, net.ParseIP(addr))
			}
			return leaf
		}
	}
	for _, tc := range []struct {
		name      string
		endpoints []turnEndpoint
		public    string
		arrived   string
		leaf      func() *x509.Certificate
		want      []string // STUN first
	}{
		{"where the request arrived", all, "", "192.168.1.5", nil, urls("192.168.1.5", "192.168.1.5")},
		{"IPv6 in brackets", all, "", "2001:db8::5", nil, urls("[2001:db8::5]", "[2001:db8::5]")},
		{"IPv4 in an IPv6 socket", all, "", "::ffff:192.168.1.5", nil, urls("192.168.1.5", "192.168.1.5")},
		{"an address with a zone is of no use elsewhere", all, "", "fe80::1%eth0", nil, urls("192.168.1.5", "192.168.1.5")},
		{"arrived nowhere", all, "", "", nil, urls("192.168.1.5", "192.168.1.5")},
		{"public", all, "203.0.113.7", "192.168.1.5", nil, urls("203.0.113.7", "203.0.113.7")},
		{"public of the family", all, "203.0.113.7,2001:db8::7", "2001:db8::5", nil, urls("[2001:db8::7]", "[2001:db8::7]")},
		{"public of the other family", all, "203.0.113.7", "2001:db8::5", nil, urls("203.0.113.7", "203.0.113.7")},
		{"certificate for the address", all, "203.0.113.7", "", leafFor([]string{"a.example"}, "203.0.113.7"), urls("203.0.113.7", "203.0.113.7")},
		{"certificate for names", all, "203.0.113.7", "", leafFor([]string{"*.example", "a.example"}), urls("203.0.113.7", "a.example")},
		{"certificate for a name, IPv6", all, "2001:db8::7", "", leafFor([]string{"a.example"}), urls("[2001:db8::7]", "a.example")},
		{"certificate for nothing one can name", all, "203.0.113.7", "", leafFor([]string{"*.example"}), urls("203.0.113.7", "")[:3]},
		{"what is bound", endpointsOf("tcp [::]:1"), "", "192.168.1.5", nil, []string{"turn:192.168.1.5:1?transport=tcp"}},
		{"bound to one address", endpointsOf("tcp 10.0.0.1:1"), "", "192.168.1.5", nil, []string{"turn:10.0.0.1:1?transport=tcp"}},
		{
			"of several the one that takes the address", endpointsOf("tcp 10.0.0.1:1", "tcp 192.168.1.5:2"), "", "192.168.1.5", nil,
			[]string{"turn:192.168.1.5:2?transport=tcp"},
		},
		{
			"of several all when none does", endpointsOf("tcp 10.0.0.1:1", "tcp 10.0.0.2:2"), "", "192.168.1.5", nil,
			[]string{"turn:10.0.0.1:1?transport=tcp", "turn:10.0.0.2:2?transport=tcp"},
		},
		{
			"each once", endpointsOf("udp 10.0.0.1:1", "udp 10.0.0.2:1"), "203.0.113.7", "", nil,
			[]string{"stun:203.0.113.7:1", "turn:203.0.113.7:1?transport=udp"},
		},
		{"IPv4 sockets do not take IPv6", endpointsOf("tcp 0.0.0.0:1"), "", "2001:db8::5", nil, []string{"turn:192.168.1.5:1?transport=tcp"}},
		{"nothing bound", nil, "", "192.168.1.5", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := &iceServers{
				endpoints: tc.endpoints, publicIPs: func() []netip.Addr { return ips(tc.public) }, machine: machineOf("127.0.0.1,192.168.1.5,2001:db8::5", "192.168.1.5"), leaf: tc.leaf,
				credential: func(peer string, ttl time.Duration) (string, string) { return peer, ttl.String() },
			}
			arrived, _ := netip.ParseAddr(tc.arrived)
			servers, ttl := s.forPeer("ann", arrived)
			var got []string
			for _, server := range servers {
				got = append(got, server.URLs...)
				if anonymous := server.URLs[0][:5] == "stun:"; anonymous != (server.Username == "") {
					t.Errorf("%q has the username %q", server.URLs, server.Username)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("URLs = %q, want %q", got, tc.want)
			}
			if ttl != 10*time.Minute || len(servers) > 0 && servers[len(servers)-1].Credential != "10m0s" {
				t.Errorf("good for %v, %+v; want 10 minutes", ttl, servers)
			}
		})
	}
}
