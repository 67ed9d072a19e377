package turn_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"callbox/turnserver"
)

// TestNATDiscovery runs coturn's client for NAT behavior discovery (RFC 5780), which must
// find no NAT. The server needs two addresses with two ports each.
func TestNATDiscovery(t *testing.T) {
	t.Parallel()
	var first uint16
	s := start(t, func(c *turnserver.Config) {
		unlimited(c)
		c.PacketConns, first = listenFour(t)
	})
	const mapping, filtering = "NAT with Endpoint Independent Mapping!", "NAT with Endpoint Independent Filtering!"
	for _, c := range []struct{ args, wants []string }{
		{[]string{"-m"}, []string{"No NAT!", mapping}},
		{[]string{"-f"}, []string{"No NAT!", filtering}},
		{[]string{"-H"}, []string{"maybe a successful hairpinning"}},
		{[]string{"-m", "-f", "-P"}, []string{mapping, filtering}},
	} {
		args := append([]string{"-L", "127.0.0.1", "-p", strconv.Itoa(int(first))}, c.args...)
		output, code := run(t, patience, "turnutils_natdiscovery", append(args, "127.0.0.1")...)
		for _, want := range append(c.wants, "Mapped == XOR-Mapped", "Other addr: : 127.0.0.2:") {
			if code != 0 || !strings.Contains(output, want) {
				t.Errorf("%v: exit code %d, want %q:\n%s", c.args, code, want, tail(output))
			}
		}
	}
	s.end(t)
}

// listenFour opens sockets at two addresses with the same two ports.
func listenFour(t *testing.T) (conns []net.PacketConn, first uint16) {
	t.Helper()
	a, b := listenUDP(t, "127.0.0.1:0"), listenUDP(t, "127.0.0.1:0")
	conns = append(conns, a, b)
	for _, conn := range []*net.UDPConn{a, b} {
		conns = append(conns, listenUDP(t, net.JoinHostPort("127.0.0.2", strconv.Itoa(int(addrPort(conn.LocalAddr()).Port())))))
	}
	return conns, addrPort(a.LocalAddr()).Port()
}
