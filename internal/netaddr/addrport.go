package netaddr

import (
	"net"
	"net/netip"
)

// AddrPort returns the address and port of a TCP or UDP socket, an IPv4
// address as such. It is invalid for sockets of other kinds.
func AddrPort(addr net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch addr := addr.(type) {
	case *net.TCPAddr:
		at = addr.AddrPort()
	case *net.UDPAddr:
		at = addr.AddrPort()
	}
	return Unmap(at)
}

// Unmap returns a with an IPv4 address that is mapped into IPv6 as such.
func Unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
