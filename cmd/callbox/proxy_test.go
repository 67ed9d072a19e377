package main

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"callbox/turnserver"
)

func proxies(tb testing.TB, rules ...string) *trustedProxies {
	tb.Helper()
	networks, err := turnserver.ParsePeerPrefixes(rules)
	if err != nil {
		tb.Fatal(err)
	}
	var trusted trustedProxies
	if err := trusted.set(networks); err != nil {
		tb.Fatal(err)
	}
	return &trusted
}

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusted := proxies(t, "127.0.0.1", "10.0.0.0/8", "2001:db8::/32")
	for _, tc := range []struct {
		name, remote string
		headers      []string
		want         string
	}{
		{"nobody between", "192.0.2.1:1234", nil, "192.0.2.1"},
		{"a stranger that claims to be a proxy", "192.0.2.1:1234", []string{"198.51.100.7"}, "192.0.2.1"},
		{"one proxy", "127.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"a proxy that says nothing", "127.0.0.1:1", nil, "127.0.0.1"},
		{"what the client claims does not count", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"nor does the rubbish that it sends", "127.0.0.1:1", []string{"rubbish, 198.51.100.7"}, "198.51.100.7"},
		{"trusted hops are skipped", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7, 10.1.2.3,10.1.2.4"}, "198.51.100.7"},
		{"over several headers", "127.0.0.1:1", []string{"203.0.113.9, 198.51.100.7", "10.1.2.3"}, "198.51.100.7"},
		{"trusted hops alone", "127.0.0.1:1", []string{"10.1.2.3, 10.1.2.4"}, "10.1.2.3"},
		{"a spoiled header", "127.0.0.1:1", []string{"198.51.100.7, unknown"}, "127.0.0.1"},
		{"a spoiled header behind a trusted hop", "127.0.0.1:1", []string{"198.51.100.7, _hidden, 10.1.2.3"}, "127.0.0.1"},
		{"an empty header", "127.0.0.1:1", []string{""}, "127.0.0.1"},
		{"an empty entry", "127.0.0.1:1", []string{"198.51.100.7,"}, "127.0.0.1"},
		{"IPv6", "[2001:db8::1]:1", []string{"2001:470::7"}, "2001:470::7"},
		{"IPv6 with a port", "[2001:db8::1]:1", []string{"[2001:470::7]:4711"}, "2001:470::7"},
		{"IPv6 in brackets", "[2001:db8::1]:1", []string{"[2001:470::7]"}, "2001:470::7"},
		{"IPv4 with a port", "127.0.0.1:1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"IPv4 in IPv6", "[::ffff:127.0.0.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"a trusted hop, IPv4 in IPv6", "127.0.0.1:1", []string{"198.51.100.7, ::ffff:10.1.2.3"}, "198.51.100.7"},
		{"with a zone", "127.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"no address at all", "@", []string{"198.51.100.7"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{}}
		for _, header := range tc.headers {
			r.Header.Add("X-Forwarded-For", header)
		}
		if got := trusted.clientAddr(r).String(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	r := &http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.7"}}}
	if got := new(trustedProxies).clientAddr(r).String(); got != "127.0.0.1" {
		t.Errorf("without trusted proxies: %s, want the peer", got)
	}
}

// FuzzClientAddr checks that the client is always the remote address or one in the header,
// and that addresses to the left of the client change nothing.
func FuzzClientAddr(f *testing.F) {
	for _, seed := range []string{"", "198.51.100.7", "a, 198.51.100.7, 10.0.0.1", "[::1]:1,", ",,", "10.0.0.1,10.0.0.2", "fe80::1%x"} {
		f.Add(seed)
	}
	trusted := proxies(f, "127.0.0.1", "10.0.0.0/8")
	peer := netip.MustParseAddr("127.0.0.1")
	f.Fuzz(func(t *testing.T, header string) {
		addr := func(header string) netip.Addr {
			return trusted.clientAddr(&http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {header}}})
		}
		got := addr(header)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q: %v", header, got)
		}
		stands := got == peer
		for hop := range strings.SplitSeq(header, ",") {
			said, ok := parseHop(hop)
			stands = stands || ok && said == got
		}
		if !stands {
			t.Fatalf("%q: %v stands nowhere in it", header, got)
		}
		if got != peer && !trusted.trusts(got) {
			if with := addr("203.0.113.9, " + header); with != got {
				t.Fatalf("%q: %v, and with a claim in front %v", header, got, with)
			}
		}
	})
}
