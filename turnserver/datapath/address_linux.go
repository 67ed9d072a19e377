package datapath

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	family4 = unix.AF_INET
	family6 = unix.AF_INET6
	// pktinfoBytes is the room for the control message that chooses the source address
	// of a datagram.
	pktinfoBytes = 40
)

// sockaddr is a destination in the form that the kernel reads: the socket address, which
// is empty when the socket cannot reach the destination, and the control message that
// chooses the source address.
type sockaddr struct {
	raw        [unix.SizeofSockaddrInet6]byte
	control    [pktinfoBytes]byte
	rawLen     uint8
	controlLen uint8
}

// encode returns addr for a socket of IPv6, to which IPv4 addresses are mapped ones, or
// of IPv4.
func encode(addr netip.AddrPort, is6 bool) (s sockaddr) {
	ip := addr.Addr()
	binary.BigEndian.PutUint16(s.raw[2:], addr.Port())
	switch {
	case is6:
		binary.NativeEndian.PutUint16(s.raw[:], family6)
		sixteen := ip.As16()
		copy(s.raw[8:], sixteen[:])
		if zone, err := strconv.ParseUint(ip.Zone(), 10, 32); err == nil {
			binary.NativeEndian.PutUint32(s.raw[24:], uint32(zone))
		}
		s.rawLen = unix.SizeofSockaddrInet6
	case ip.Is4():
		binary.NativeEndian.PutUint16(s.raw[:], family4)
		four := ip.As4()
		copy(s.raw[4:], four[:])
		s.rawLen = unix.SizeofSockaddrInet4
	}
	return s
}

// decode is the reverse of encode. It returns the zero AddrPort for any other family. Only
// link-local addresses keep their zone, as a number.
func decode(raw *[unix.SizeofSockaddrInet6]byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(raw[2:])
	switch binary.NativeEndian.Uint16(raw[:]) {
	case family4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), port)
	case family6:
		ip := netip.AddrFrom16([16]byte(raw[8:24])).Unmap()
		if ip.IsLinkLocalUnicast() && ip.Is6() {
			ip = ip.WithZone(strconv.FormatUint(uint64(binary.NativeEndian.Uint32(raw[24:])), 10))
		}
		return netip.AddrPortFrom(ip, port)
	default:
		return netip.AddrPort{}
	}
}

func (d *descriptor) destination(addr netip.AddrPort, from netip.Addr) destination {
	to := destination{addr: addr, from: from, name: encode(addr, d.is6)}
	if from.IsValid() {
		to.name.controlLen = uint8(copy(to.name.control[:], pktinfoFrom(from))) //nolint:gosec // at most pktinfoBytes
	}
	return to
}

// isIPv6 reports whether a socket is of IPv6.
func isIPv6(fd int) (bool, error) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return domain == family6, err
}
