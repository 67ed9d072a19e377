package main

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"callbox/internal/netaddr"
)

// machine holds the addresses of this machine.
type machine struct {
	addrs []netip.Addr // of interfaces that are up, without link-local ones
	// route returns the source address of packets to a destination; invalid if there
	// is no route.
	route func(to netip.Addr) netip.Addr
}

// thisMachine asks the kernel; it sends no packets.
func thisMachine(ctx context.Context) (*machine, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	m := &machine{route: func(to netip.Addr) netip.Addr { return routeTo(ctx, to) }}
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			m.addrs = append(m.addrs, prefix.Addr().Unmap())
		}
	}
	return m, nil
}

// routeTo connects a UDP socket, which looks up the route and sends no packet.
func routeTo(ctx context.Context, to netip.Addr) netip.Addr {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", netip.AddrPortFrom(to, 9).String())
	if err != nil {
		return netip.Addr{} // no route
	}
	defer conn.Close()
	return netaddr.AddrPort(conn.LocalAddr()).Addr()
}

// first returns the address at which this machine is reached from its network: the
// source address of packets to the Internet, or else that of the first interface. It
// is invalid if the machine has only loopback addresses.
func (m *machine) first(is4 bool) netip.Addr {
	// Addresses reserved for documentation: RFC 5737, RFC 3849.
	outside := netip.AddrFrom4([4]byte{198, 51, 100, 1})
	if !is4 {
		outside = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1})
	}
	if addr := m.route(outside); m.has(addr) && !addr.IsLoopback() {
		return addr
	}
	for _, addr := range m.addrs {
		if addr.Is4() == is4 && !addr.IsLoopback() {
			return addr
		}
	}
	return netip.Addr{}
}

// any returns the first IPv4 address, or else the first IPv6 address, or else the
// loopback address.
func (m *machine) any() netip.Addr {
	for _, is4 := range []bool{true, false} {
		if addr := m.first(is4); addr.IsValid() {
			return addr
		}
	}
	return loopback()
}

func (m *machine) has(addr netip.Addr) bool {
	return slices.Contains(m.addrs, addr)
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// relayIPs returns the addresses that relays bind to: the given ones; or else, for
// each public address, that address or, behind a NAT, the first local one of its
// family; or else the first address of each family.
func (m *machine) relayIPs(given, public []netip.Addr, faults *faults) []netip.Addr {
	if len(given) > 0 {
		checkPairs(given, public, faults)
		return given
	}
	var relay []netip.Addr
	for _, addr := range public {
		bind := addr
		if !m.has(addr) {
			bind = m.first(addr.Is4())
		}
		if !bind.IsValid() && addr.Is4() {
			bind = loopback()
		}
		switch {
		case !bind.IsValid():
			faults.addf("--public-ip", "%s cannot be used for relays: this machine has no address of that family", addr)
		case slices.Contains(relay, bind):
			faults.addf("--public-ip", "%s is a second public address for relays on %s; give one --relay-ip for each, in the same order", addr, bind)
		default:
			relay = append(relay, bind)
		}
	}
	if len(public) > 0 {
		return relay
	}
	for _, is4 := range []bool{true, false} {
		if addr := m.first(is4); addr.IsValid() {
			relay = append(relay, addr)
		}
	}
	if len(relay) == 0 {
		relay = append(relay, loopback())
	}
	return relay
}

// checkPairs adds a fault if it is not clear which public address stands for which
// relay address: there must be equally many, in the same order, or one per family.
func checkPairs(relay, public []netip.Addr, faults *faults) {
	if len(relay) == len(public) && slices.EqualFunc(relay, public, func(a, b netip.Addr) bool { return a.Is4() == b.Is4() }) {
		return
	}
	for _, is4 := range []bool{true, false} {
		family := func(addr netip.Addr) bool { return addr.Is4() == is4 }
		relays, publics := count(relay, family), count(public, family)
		if publics > 0 && (relays != 1 || publics != 1) {
			faults.addf("--public-ip", "%d public addresses for %d of --relay-ip; give as many of each family, in the same order", publics, relays)
			return
		}
	}
}

func count(addrs []netip.Addr, match func(netip.Addr) bool) int {
	n := 0
	for _, addr := range addrs {
		if match(addr) {
			n++
		}
	}
	return n
}

// reachableFromOutside reports whether an address can be reached from the Internet.
func reachableFromOutside(addr netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10) // RFC 6598
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !shared.Contains(addr)
}
