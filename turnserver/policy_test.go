package turnserver

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestPolicyRules(t *testing.T) {
	p := newPolicy(prefixes("192.168.7.0/24", "fd00:7::/32", "1.1.1.1/32"), prefixes("1.1.0.0/16", "2606:4700::/32"), []netip.Addr{netip.MustParseAddr("93.184.216.34")})
	for addr, want := range map[string]string{
		// public addresses
		"8.8.8.8": "", "::ffff:8.8.8.8": "", "2a00:1450::1": "", "11.0.0.1": "", "172.32.0.1": "", "100.128.0.1": "", "223.255.255.255": "",
		"2001:4860::8888": "", "2001:200::1": "",
		// allowed ones, and only as they are written
		"192.168.7.9": "", "::ffff:192.168.7.9": "", "fd00:7::9": "", "1.1.1.1": "",
		"192.168.8.9": "private 192.168.0.0/16", "::192.168.7.9": "IPv4-compatible ::/96", "64:ff9b::192.168.7.9": "NAT64 64:ff9b::/96",
		// denied by the operator
		"1.1.1.2": "configured 1.1.0.0/16", "::ffff:1.1.1.2": "configured 1.1.0.0/16", "2606:4700::1": "configured 2606:4700::/32",
		// built in
		"::ffff:127.0.0.1": "loopback 127.0.0.0/8", "::1": "loopback ::1/128", "::": "unspecified ::/128", "2002:101:102::1": "6to4 2002::/16",
		"fe80::1": "link-local fe80::/10", "::ffff:0:127.0.0.1": ruleGlobal, "9000::1": ruleGlobal,
		// its own
		"93.184.216.34": ruleOwn, "::ffff:93.184.216.34": ruleOwn,
	} {
		if got := p.denies(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: rule %q, want %q", addr, got, want)
		}
	}
	if got := p.denies(netip.MustParseAddr("fe80::1%eth0")); !strings.HasPrefix(got, "link-local") {
		t.Errorf("with a zone: rule %q", got)
	}
	if got := p.denies(netip.Addr{}); got != ruleInvalid {
		t.Errorf("no address: rule %q", got)
	}
}

// Whether a peer is denied must not depend on the notation of its address.
func TestPolicyDeniesWhatIsNoPeer(t *testing.T) {
	p := newPolicy(nil, prefixes("203.0.114.0/24"), nil)
	for rule, addrs := range map[string][]string{
		// where clouds answer their machines
		"Azure platform 168.63.129.16/32":    {"168.63.129.16", "::ffff:168.63.129.16", "2a00:1450::5efe:168.63.129.16"},
		"link-local 169.254.0.0/16":          {"169.254.169.254", "169.254.169.253", "169.254.170.2", "169.254.0.23", "2a00:1450::200:5efe:169.254.169.254"},
		"shared address space 100.64.0.0/10": {"100.100.100.200", "100.100.2.136"},
		"protocol assignments 192.0.0.0/24":  {"192.0.0.192", "192.0.0.8", "192.0.0.170"},
		"unique local fc00::/7":              {"fd00:ec2::254", "fd00:ec2::253", "fd20:ce::254", "fd00:a9fe:a9fe::1", "fd00:42::42"},
		"link-local fe80::/10":               {"fe80::1234:5678:9abc"},
		// special purposes
		"AS112 192.31.196.0/24":       {"192.31.196.1"},
		"AS112 192.175.48.0/24":       {"192.175.48.6"},
		"AS112 2620:4f:8000::/48":     {"2620:4f:8000::6", "2620:4f:8000:ffff::1"},
		"AMT 192.52.193.0/24":         {"192.52.193.1"},
		"6to4 relay 192.88.99.0/24":   {"192.88.99.1", "192.88.99.2"},
		"documentation 3fff::/20":     {"3fff::1", "3fff:fff::1"},
		"segment routing 5f00::/16":   {"5f00::1"},
		"site-local fec0::/10":        {"fec0::1"},
		"discard 100::/64":            {"100::1"},
		ruleGlobal:                    {"100:0:0:1::1", "4000::1", "::ffff:0:8.8.8.8"},
		"documentation 2001:db8::/32": {"2001:db8::1"},
		"reserved 240.0.0.0/4":        {"255.255.255.255", "240.0.0.1"},
		"protocol assignments, Teredo, ORCHID 2001::/23": {
			"2001::1", "2001:0:808:808::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1",
		},
		// tunnels and translators, wherever they lead
		"6to4 2002::/16":             {"2002:a83f:8110::1", "2002:808:808::1"},
		"NAT64 64:ff9b::/96":         {"64:ff9b::168.63.129.16", "64:ff9b::8.8.8.8"},
		"local NAT64 64:ff9b:1::/48": {"64:ff9b:1::10.0.0.1", "64:ff9b:1:ffff::8.8.8.8"},
		"IPv4-compatible ::/96":      {"::168.63.129.16", "::8.8.8.8"},
		"loopback 127.0.0.0/8":       {"2a00:1450::5efe:127.0.0.1"},
		"configured 203.0.114.0/24":  {"203.0.114.9", "2a00:1450::5efe:203.0.114.9"},
		"":                           {"168.63.129.15", "168.63.129.17", "2620:4f:7fff::1", "2620:4f:8001::1", "2a00:1450::5efe:8.8.8.8", "2a00:1450::100:5efe:10.0.0.1"},
	} {
		for _, addr := range addrs {
			if got := p.denies(netip.MustParseAddr(addr)); got != rule {
				t.Errorf("%s: rule %q, want %q", addr, got, rule)
			}
		}
	}
}

func TestPolicyEmbeddedIPv4(t *testing.T) {
	inner := netip.MustParseAddr("1.2.3.4")
	for _, text := range []string{"::1.2.3.4", "::ffff:0:1.2.3.4", "64:ff9b::1.2.3.4", "2002:102:304::", "2002:102:304:5:6:7:8:9"} {
		if got, ok := embeddedIPv4(netip.MustParseAddr(text)); !ok || got != inner {
			t.Errorf("%s: got %s, %t", text, got, ok)
		}
	}
	for _, text := range []string{"1.2.3.4", "2001::1.2.3.4", "64:ff9b:1::1.2.3.4", "::1:1.2.3.4"} {
		if got, ok := embeddedIPv4(netip.MustParseAddr(text)); ok {
			t.Errorf("%s: got %s, want none", text, got)
		}
	}
	// The operator's rules hold for what is embedded where the carrier is allowed by no rule.
	p := &policy{}
	p.serving.Store(&map[netip.Addr]struct{}{})
	p.rules.Store(&peerRules{deny: []peerRule{{netip.MustParsePrefix("1.2.3.0/24"), "inner"}}})
	p.interfaces.Store(&map[netip.Addr]struct{}{})
	if got := p.denies(netip.MustParseAddr("2002:102:304::1")); got != "inner" {
		t.Errorf("6to4 of a denied address: rule %q", got)
	}
}

func TestPolicyFollowsInterfaces(t *testing.T) {
	p := newPolicy(nil, nil, nil)
	addr := netip.MustParseAddr("8.8.4.4")
	if rule := p.denies(addr); rule != "" {
		t.Fatalf("rule %q", rule)
	}
	p.refresh(func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(8, 8, 4, 4), Mask: net.CIDRMask(24, 32)}}, nil
	})
	if rule := p.denies(addr); rule != ruleOwn {
		t.Errorf("an interface's address: rule %q", rule)
	}
	p.refresh(func() ([]net.Addr, error) { return nil, errors.New("out of buffers") })
	if rule := p.denies(addr); rule != ruleOwn {
		t.Errorf("after a failed refresh: rule %q", rule)
	}
	p.refresh(func() ([]net.Addr, error) { return nil, nil })
	if rule := p.denies(addr); rule != "" {
		t.Errorf("after the address went: rule %q", rule)
	}
}

// Every address of this machine is denied, though some may be public.
func TestPolicyKnowsThisMachine(t *testing.T) {
	p := newPolicy(nil, nil, nil)
	addrs, err := net.InterfaceAddrs()
	if err != nil || len(addrs) == 0 {
		t.Fatalf("%d addresses, %v", len(addrs), err)
	}
	for _, addr := range addrs {
		ip, _ := netip.AddrFromSlice(addr.(*net.IPNet).IP)
		if p.denies(ip) == "" {
			t.Errorf("%s is let through", ip)
		}
	}
}
