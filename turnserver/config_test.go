package turnserver_test

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"callbox/turnserver"
)

func TestFaultsAreToldAtOnce(t *testing.T) {
	_, err := turnserver.New(turnserver.Config{
		Realm:      strings.Repeat("x", 200),
		Secrets:    [][]byte{[]byte("short")},
		Listeners:  []turnserver.Listener{{Protocol: "sctp"}},
		RelayPorts: turnserver.PortRange{Min: 9, Max: 8},
		RelayIPs:   []netip.Addr{netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.1")},
		PublicIPs:  []netip.Addr{netip.MustParseAddr("::"), netip.MustParseAddr("2001:db8::1")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"realm", "secret 1 has 5 bytes", `"sctp"`, "9-8", "0.0.0.0", "127.0.0.1 is given twice", "public address ::", "2001:db8::1 has no relay address of its family"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell of %s:\n%v", part, err)
		}
	}
	_, err = turnserver.New(turnserver.Config{})
	for _, part := range []string{"no TURN secret", "no TURN listener", "no relay address"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell of %s:\n%v", part, err)
		}
	}
}

// When New fails, the sockets still belong to the caller.
func TestFaultsLeaveTheSockets(t *testing.T) {
	conn := listenUDP(t, "127.0.0.1:0")
	if _, err := turnserver.New(turnserver.Config{PacketConns: []net.PacketConn{conn}}); err == nil {
		t.Fatal("no error")
	}
	if _, err := conn.WriteTo([]byte("still open"), conn.LocalAddr()); err != nil {
		t.Error(err)
	}
}

func TestPublicAddresses(t *testing.T) {
	needIPv6(t)
	ips := func(texts ...string) (addrs []netip.Addr) {
		for _, text := range texts {
			addrs = append(addrs, netip.MustParseAddr(text))
		}
		return addrs
	}
	tests := []struct {
		relay, public []netip.Addr
		want          []string
	}{
		{ips("127.0.0.1"), nil, []string{"127.0.0.1"}},
		{ips("127.0.0.1", "127.0.0.2"), ips("192.0.2.1", "192.0.2.2"), []string{"192.0.2.1", "192.0.2.2"}},
		{ips("::1", "127.0.0.1"), ips("192.0.2.1", "2001:db8::1"), []string{"192.0.2.1"}},
		{ips("127.0.0.1", "::1"), ips("::ffff:192.0.2.1"), []string{"192.0.2.1"}},
	}
	for _, test := range tests {
		s := start(t, func(c *turnserver.Config) { c.RelayIPs, c.PublicIPs = test.relay, test.public })
		var got []string
		for range 4 {
			relayed := s.rawAs(t, "ann").allocate(t).Addr().String()
			if !slices.Contains(got, relayed) {
				got = append(got, relayed)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("relays %v public %v: advertised %v, want %v", test.relay, test.public, got, test.want)
		}
	}
}

func TestPortRangeText(t *testing.T) {
	for text, want := range map[string]turnserver.PortRange{
		"49152-65535": {Min: 49152, Max: 65535}, "1-1": {Min: 1, Max: 1}, "5000": {Min: 5000, Max: 5000}, " 10 - 20 ": {Min: 10, Max: 20},
	} {
		var got turnserver.PortRange
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "0-10", "10-", "-10", "20-10", "1-65536", "a-b", "1-2-3", "0x10-20", "+1-2"} {
		got := turnserver.PortRange{Min: 7, Max: 8}
		if err := got.UnmarshalText([]byte(text)); err == nil || got != (turnserver.PortRange{Min: 7, Max: 8}) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if text, err := json.Marshal(turnserver.DefaultRelayPorts()); err != nil || string(text) != `"49152-65535"` {
		t.Errorf("the default range is %s, %v", text, err)
	}
}

func TestParsePeerPrefixes(t *testing.T) {
	got, err := turnserver.ParsePeerPrefixes([]string{"192.168.0.0/16", "10.0.0.1", " ::1 ", "::ffff:10.1.0.0/112", "::ffff:1.2.3.4", "private"})
	want := "[192.168.0.0/16 10.0.0.1/32 ::1/128 10.1.0.0/16 1.2.3.4/32 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7]"
	if text := netipText(got); err != nil || text != want {
		t.Errorf("got %s, %v\nwant %s", text, err, want)
	}
	bad := []string{"", "localhost", "10.0.0.0/33", "10.0.0.1/8", "fe80::1%eth0", "::ffff:0.0.0.0/95", "10.0.0.0-10.0.0.9"}
	if _, err = turnserver.ParsePeerPrefixes(bad); err == nil {
		t.Fatal("no error")
	}
	for _, text := range bad {
		if _, err := turnserver.ParsePeerRule(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if text := err.Error(); strings.Count(text, "\n") != len(bad)-1 || !strings.Contains(text, "10.0.0.0/8?") {
		t.Errorf("not every fault is told:\n%s", text)
	}
}

func netipText(prefixes []netip.Prefix) string {
	texts := make([]string, 0, len(prefixes))
	for _, p := range prefixes {
		texts = append(texts, p.String())
	}
	return "[" + strings.Join(texts, " ") + "]"
}
