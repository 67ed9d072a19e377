package turnserver_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// TestDefaultFamily checks which family a client gets that asks for none, as browsers do, or for one.
func TestDefaultFamily(t *testing.T) {
	needIPv6(t)
	const none, both = 0, 3 // of requestedFamily: what is not sent, and ADDITIONAL-ADDRESS-FAMILY
	v4, v6 := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for _, tc := range []struct {
		family turnserver.Family
		relays []netip.Addr
		client string
		asked  byte
		want   netip.Addr // invalid = 440
	}{
		{"", []netip.Addr{v6}, "::1", none, v6},
		{"", []netip.Addr{v6}, "127.0.0.1", none, v6},
		{"", []netip.Addr{v6, v4}, "::1", none, v4},
		{"", []netip.Addr{v6}, "::1", 1, netip.Addr{}},
		{"", []netip.Addr{v6}, "::1", 2, v6},
		{"", []netip.Addr{v6}, "::1", both, v6},
		{"", []netip.Addr{v4}, "::1", none, v4},
		{turnserver.FamilyAuto, []netip.Addr{v6}, "::1", none, v6},
		{turnserver.FamilyIPv4, []netip.Addr{v6}, "::1", none, netip.Addr{}},
		{turnserver.FamilyIPv4, []netip.Addr{v6, v4}, "::1", none, v4},
		{turnserver.FamilyIPv6, []netip.Addr{v6, v4}, "127.0.0.1", none, v6},
		{turnserver.FamilyIPv6, []netip.Addr{v4}, "127.0.0.1", none, netip.Addr{}},
		{turnserver.FamilyIPv6, []netip.Addr{v6, v4}, "127.0.0.1", both, v4},
		{turnserver.FamilyKeep, []netip.Addr{v6, v4}, "::1", none, v6},
		{turnserver.FamilyKeep, []netip.Addr{v6, v4}, "127.0.0.1", none, v4},
		{turnserver.FamilyKeep, []netip.Addr{v6, v4}, "127.0.0.1", 2, v6},
		{turnserver.FamilyKeep, []netip.Addr{v4}, "::1", none, v4},
		{turnserver.FamilyKeep, []netip.Addr{v6}, "127.0.0.1", none, v6},
	} {
		dual := listenUDP(t, "[::]:0") // takes IPv4 as well
		s := start(t, func(c *turnserver.Config) {
			c.RelayIPs, c.DefaultFamily = tc.relays, tc.family
			c.PacketConns = append(c.PacketConns, dual)
		})
		server := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(tc.client), addrPortOf(dual.LocalAddr()).Port()))
		c := &rawClient{conn: listenUDP(t, net.JoinHostPort(tc.client, "0")), server: server, realm: turnserver.DefaultRealm}
		c.username, c.password = s.server.Credential("ann", patience)
		c.challenge(t)
		attributes := []stun.Setter{requestedTransport(17)}
		switch tc.asked {
		case none:
		case both:
			attributes = append(attributes, attribute{0x8000, []byte{2, 0, 0, 0}})
		default:
			attributes = append(attributes, requestedFamily(tc.asked))
		}
		answer := c.request(t, stun.MethodAllocate, attributes...)
		var relayed stun.XORMappedAddress
		_ = relayed.GetFromAs(answer, stun.AttrXORRelayedAddress)
		got, _ := netip.AddrFromSlice(relayed.IP)
		if got = got.Unmap(); got != tc.want || !got.IsValid() && errorCode(answer) != stun.CodeAddrFamilyNotSupported {
			t.Errorf("%q with relays at %v, asked for %d from %s: %s (%d), want %s", tc.family, tc.relays, tc.asked, tc.client, got, errorCode(answer), tc.want)
		}
		if tc.asked == both {
			missing := byte(1)
			if tc.want.Is4() {
				missing = 2
			}
			if value, err := answer.Get(0x8001); err != nil || value[0] != missing {
				t.Errorf("ADDRESS-ERROR-CODE % x, %v; want one of family %d", value, err, missing)
			}
		}
	}
	if _, err := turnserver.New(turnserver.Config{DefaultFamily: "ipv5"}); err == nil || !slices.Contains(turnserver.Families(), turnserver.FamilyKeep) {
		t.Errorf("a family that there is not: %v", err)
	}
}
