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
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
