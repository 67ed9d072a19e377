package datapath

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// controlBytes is the room for the packet information of one datagram.
const controlBytes = 128

// enablePktinfo has the kernel report with each datagram the address that it was sent to
// (ip(7), ipv6(7)). A socket of both families reports IPv4 addresses as mapped ones.
func enablePktinfo(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(descriptor uintptr) {
		fd := int(descriptor)
		if failed = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1); failed != nil {
			failed = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	})
	return errors.Join(err, failed)
}

// localAddrOf returns the address that a datagram was sent to, the zero Addr when control
// does not have it.
func localAddrOf(control []byte) netip.Addr {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return netip.Addr{}
		}
		switch {
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= 12:
			return netip.AddrFrom4([4]byte(data[8:12])) // in_pktinfo.ipi_addr
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			return netip.AddrFrom16([16]byte(data[:16])).Unmap() // in6_pktinfo.ipi6_addr
		}
		control = rest
	}
	return netip.Addr{}
}

// pktinfoFrom returns the control message that has the kernel send a datagram from an
// address that localAddrOf returned.
func pktinfoFrom(at netip.Addr) []byte {
	if at.Is4() {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: at.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: at.As16()})
}

// setDontFragment has the kernel drop datagrams that are longer than their path takes, or
// fragment them as usual.
func setDontFragment(conn *net.UDPConn, on bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(descriptor uintptr) { failed = discoverMTU(int(descriptor), on) })
	return errors.Join(err, failed)
}

// discoverMTU sets IP_MTU_DISCOVER (ip(7)) for the family of a socket.
func discoverMTU(fd int, strict bool) error {
	value4, value6 := unix.IP_PMTUDISC_WANT, unix.IPV6_PMTUDISC_WANT
	if strict {
		value4, value6 = unix.IP_PMTUDISC_DO, unix.IPV6_PMTUDISC_DO
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, value6); err == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, value4)
}
