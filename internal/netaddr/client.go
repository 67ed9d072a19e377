// Package netaddr says which addresses are one client's.
package netaddr

import "net/netip"

// clientBits is how many bits of an IPv6 address name the network that one
// client has all of (RFC 6177, section 2).
const clientBits = 64

// Client returns what limits count a client by: an IPv4 address, also one that
// is mapped into IPv6, or the first of the /64 of an IPv6 address. All invalid
// addresses are the zero Addr, and so one client.
func Client(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		network, _ := addr.Prefix(clientBits) // fails for other lengths only
		return network.Addr()
	}
	return addr
}
