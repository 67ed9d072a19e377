package turnserver

import (
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
)

// policy decides which addresses a relay may exchange packets with. A relay that reaches whatever
// its client names is a way into the server's own network. So every range that is not the public
// Internet is denied, in every notation.
type policy struct {
	rules atomic.Pointer[peerRules]
	// serving are the addresses at which the server is reached, interfaces those of the
	// machine's interfaces, which are read again every 15 s.
	serving    atomic.Pointer[map[netip.Addr]struct{}]
	interfaces atomic.Pointer[map[netip.Addr]struct{}]
	// epoch changes after anything has changed that denies depends on.
	epoch atomic.Uint64
}

// peerRules are the addresses that are allowed, which take precedence, and those that are denied.
type peerRules struct {
	allow []netip.Prefix
	deny  []peerRule
}

type peerRule struct {
	prefix netip.Prefix
	name   string
}

const (
	ruleInvalid    = "no valid address"
	ruleOwn        = "address of this server"
	ruleConfigured = "configured"
	ruleCheck      = "not a relay of the same check"
	ruleGlobal     = "outside 2000::/3, the global unicast addresses of IPv6"
)

func newPolicy(allow, deny []netip.Prefix, serving []netip.Addr) *policy {
	p := &policy{}
	p.set(allow, deny)
	p.serving.Store(&map[netip.Addr]struct{}{})
	p.addServing(serving)
	p.refresh(net.InterfaceAddrs)
	return p
}

// addServing adds addresses at which the server is reached.
func (p *policy) addServing(addrs []netip.Addr) {
	for {
		before := p.serving.Load()
		serving := maps.Clone(*before)
		for _, addr := range addrs {
			serving[addr.Unmap()] = struct{}{}
		}
		if p.serving.CompareAndSwap(before, &serving) {
			p.epoch.Add(1)
			return
		}
	}
}

// set replaces the configured rules. The special-purpose ranges stay denied.
func (p *policy) set(allow, deny []netip.Prefix) {
	rules := &peerRules{allow: allow}
	for _, prefix := range deny {
		rules.deny = append(rules.deny, peerRule{prefix, ruleConfigured + " " + prefix.String()})
	}
	rules.deny = append(rules.deny, specialPurpose()...)
	p.rules.Store(rules)
	p.epoch.Add(1)
}

// ruleLabel returns the label under which denials by a rule are counted: configured rules, which
// may change, have one together.
func ruleLabel(rule string) string {
	if strings.HasPrefix(rule, ruleConfigured) {
		return ruleConfigured
	}
	return rule
}

// refresh reads the addresses of the machine's interfaces. When that fails, those read before
// stay.
func (p *policy) refresh(interfaceAddrs func() ([]net.Addr, error)) {
	addrs, err := interfaceAddrs()
	if err != nil && p.interfaces.Load() != nil {
		return
	}
	addrSet := make(map[netip.Addr]struct{}, len(addrs))
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok {
				addrSet[ip.Unmap()] = struct{}{}
			}
		}
	}
	if before := p.interfaces.Swap(&addrSet); before == nil || !maps.Equal(*before, addrSet) {
		p.epoch.Add(1)
	}
}

// denies returns the name of the rule that denies a peer, or "" when none does.
func (p *policy) denies(addr netip.Addr) string {
	if !addr.IsValid() {
		return ruleInvalid
	}
	addr = addr.Unmap().WithZone("")
	for _, prefix := range p.rules.Load().allow {
		if prefix.Contains(addr) {
			return ""
		}
	}
	if rule := p.deniesLiteral(addr); rule != "" {
		return rule
	}
	if embedded, ok := embeddedIPv4(addr); ok {
		return p.deniesLiteral(embedded)
	}
	return ""
}

func (p *policy) deniesLiteral(addr netip.Addr) string {
	for _, rule := range p.rules.Load().deny {
		if rule.prefix.Contains(addr) {
			return rule.name
		}
	}
	if addr.Is6() && addr.As16()[0]>>5 != 1 {
		return ruleGlobal
	}
	if _, ok := (*p.serving.Load())[addr]; ok {
		return ruleOwn
	}
	if _, ok := (*p.interfaces.Load())[addr]; ok {
		return ruleOwn
	}
	return ""
}

// embeddedIPv4 returns the IPv4 address to which the network may deliver a packet to an IPv6
// address: IPv4-compatible ::/96 (RFC 4291 section 2.5.5.1), IPv4-translated ::ffff:0:0:0/96 (RFC
// 2765), NAT64 64:ff9b::/96 (RFC 6052), 6to4 2002::/16 (RFC 3056) and, in any network, ISATAP
// (RFC 5214 section 6.1). IPv4-mapped addresses have been unmapped before, and the NAT64 prefix of
// an operator looks like any other network.
func embeddedIPv4(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	if b[0] == 0x20 && b[1] == 0x02 {
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	if b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	switch [12]byte(b[:12]) {
	case [12]byte{}, [12]byte{8: 0xff, 9: 0xff}, [12]byte{1: 0x64, 2: 0xff, 3: 0x9b}:
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.Addr{}, false
}

// specialPurpose returns the ranges of the IANA special-purpose registries (RFC 6890), multicast,
// the tunnels that RFC 6156 section 9.1 forbids, and the one public address at which a cloud serves
// its own machines. All other clouds have theirs, for metadata and the like, in private and
// link-local ranges.
func specialPurpose() []peerRule {
	ranges := []struct{ prefix, name string }{
		{"0.0.0.0/8", "this network"},
		{"10.0.0.0/8", "private"},
		{"100.64.0.0/10", "shared address space"},
		{"127.0.0.0/8", "loopback"},
		{"168.63.129.16/32", "Azure platform"},
		{"169.254.0.0/16", "link-local"},
		{"172.16.0.0/12", "private"},
		{"192.0.0.0/24", "protocol assignments"},
		{"192.0.2.0/24", "documentation"},
		{"192.31.196.0/24", "AS112"},
		{"192.52.193.0/24", "AMT"},
		{"192.88.99.0/24", "6to4 relay"},
		{"192.168.0.0/16", "private"},
		{"192.175.48.0/24", "AS112"},
		{"198.18.0.0/15", "benchmarking"},
		{"198.51.100.0/24", "documentation"},
		{"203.0.113.0/24", "documentation"},
		{"224.0.0.0/4", "multicast"},
		{"240.0.0.0/4", "reserved"},
		{"::/128", "unspecified"},
		{"::1/128", "loopback"},
		{"::/96", "IPv4-compatible"},
		{"64:ff9b::/96", "NAT64"},
		{"64:ff9b:1::/48", "local NAT64"},
		{"100::/64", "discard"},
		{"2001::/23", "protocol assignments, Teredo, ORCHID"},
		{"2001:db8::/32", "documentation"},
		{"2002::/16", "6to4"},
		{"2620:4f:8000::/48", "AS112"},
		{"3fff::/20", "documentation"},
		{"5f00::/16", "segment routing"},
		{"fc00::/7", "unique local"},
		{"fe80::/10", "link-local"},
		{"fec0::/10", "site-local"},
		{"ff00::/8", "multicast"},
	}
	rules := make([]peerRule, 0, len(ranges))
	for _, r := range ranges {
		rules = append(rules, peerRule{netip.MustParsePrefix(r.prefix), r.name + " " + r.prefix})
	}
	return rules
}
