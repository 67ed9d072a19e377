package wire

import (
	"encoding/binary"
	"net/netip"

	"callbox/internal/netaddr"
)

const (
	address4Len = 8
	address6Len = 20
)

// Address decodes the value of an attribute with an XOR-ed address, such as XOR-PEER-ADDRESS (RFC
// 8489 section 14.2). IPv4-mapped addresses are returned as IPv4.
func (m Message) Address(value []byte) (addr netip.AddrPort, ok bool) {
	addr, ok = readAddress(value)
	if !ok {
		return netip.AddrPort{}, false
	}
	return netaddr.Unmap(m.xor(addr)), true
}

// PlainAddress decodes the value of an attribute with an address that is not XOR-ed, such as
// MAPPED-ADDRESS (RFC 8489 section 14.1).
func PlainAddress(value []byte) (addr netip.AddrPort, ok bool) {
	addr, ok = readAddress(value)
	return netaddr.Unmap(addr), ok
}

func readAddress(value []byte) (netip.AddrPort, bool) {
	switch {
	case len(value) == address4Len && value[1] == IPv4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(value[4:])), binary.BigEndian.Uint16(value[2:])), true
	case len(value) == address6Len && value[1] == IPv6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(value[4:])), binary.BigEndian.Uint16(value[2:])), true
	default:
		return netip.AddrPort{}, false
	}
}

// xor encodes or decodes an XOR-ed address, which hides it from NATs that would rewrite it.
func (m Message) xor(a netip.AddrPort) netip.AddrPort {
	return xorAddress(a, (*[16]byte)(m.raw[4:HeaderLen]))
}

// xorAddress XORs an address with mask, the magic cookie and the transaction ID.
func xorAddress(a netip.AddrPort, mask *[16]byte) netip.AddrPort {
	port := a.Port() ^ binary.BigEndian.Uint16(mask[:])
	if a.Addr().Is4() {
		ip := a.Addr().As4()
		for i := range ip {
			ip[i] ^= mask[i]
		}
		return netip.AddrPortFrom(netip.AddrFrom4(ip), port)
	}
	ip := a.Addr().As16()
	for i := range ip {
		ip[i] ^= mask[i]
	}
	return netip.AddrPortFrom(netip.AddrFrom16(ip), port)
}

// addressLen returns the length of an address attribute's value.
func addressLen(addr netip.Addr) int {
	if addr.Is4() {
		return address4Len
	}
	return address6Len
}

// putAddress writes an address attribute's value, addressLen bytes.
func putAddress(b []byte, a netip.AddrPort) {
	b[0] = 0
	binary.BigEndian.PutUint16(b[2:], a.Port())
	if a.Addr().Is4() {
		b[1] = IPv4
		ip := a.Addr().As4()
		copy(b[4:], ip[:])
		return
	}
	b[1] = IPv6
	ip := a.Addr().As16()
	copy(b[4:], ip[:])
}
