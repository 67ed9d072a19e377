package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/stun/v4"

	"callbox/internal/netaddr"
)

// How a NAT maps (RFC 4787, section 4.1), the values of Mapping.
const (
	NoNAT                = "none"
	EndpointIndependent  = "endpoint-independent"
	AddressDependent     = "address-dependent"
	AddressPortDependent = "address-and-port-dependent"
	// PortIndependent: the port of the destination makes no difference. Whether its address does cannot
	// be told by a server with one address.
	PortIndependent = "port-independent"
)

// natSocket is a socket that asks several STUN servers, so that what they see can be compared.
type natSocket struct {
	conn  *net.UDPConn
	local netip.AddrPort
}

// openNAT opens a socket, and asks the server's first STUN port from it.
func (n *network) openNAT(ctx context.Context, first netip.AddrPort) (*natSocket, bound, error) {
	probe, err := udpTo(ctx, first)
	if err != nil {
		return nil, bound{}, err
	}
	own := netaddr.AddrPort(probe.LocalAddr()).Addr() // the kernel's choice for this destination
	_ = probe.Close()                                 // nothing was sent
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", netip.AddrPortFrom(own, 0).String())
	if err != nil {
		return nil, bound{}, err
	}
	s := &natSocket{conn: conn.(*net.UDPConn), local: netaddr.AddrPort(conn.LocalAddr())} //nolint:forcetypeassert // that is what "udp" gives
	got, err := s.ask(ctx, first)
	if err != nil {
		_ = s.conn.Close() // the other error is the cause
		return nil, bound{}, err
	}
	n.udp.Store(true)
	return s, got, nil
}

func (s *natSocket) ask(ctx context.Context, to netip.AddrPort, options ...stun.Setter) (bound, error) {
	send := func(p []byte) (int, error) { return s.conn.WriteToUDPAddrPort(p, to) }
	limit := askTime
	if len(options) > 0 {
		limit = filterTime
	}
	return ask(ctx, s.conn, send, limit, options...)
}

// checkMapping finds out whether the NAT maps a socket to the same address for every destination (RFC
// 5780, section 4.3).
func (n *network) checkMapping(ctx context.Context) Finding {
	if len(n.stun) == 0 {
		return skipped(Mapping, NotOffered, "The server does not offer STUN.", "")
	}
	s, first, err := n.openNAT(ctx, n.stun[0].at)
	if err != nil {
		return skipped(Mapping, NotFound, "Could not be found out: STUN does not answer.", "")
	}
	defer s.conn.Close() //nolint:errcheck // nothing is waiting to be sent
	value, port := n.mappingOf(ctx, s, first)
	f := mappingFinding(value, first.mapped.Addr())
	if value == "" && port != 0 {
		f.Do = fmt.Sprintf("That takes UDP port %d of the server, too, which calls do not need.", port)
	}
	return f.took(first.took)
}

// mappingOf compares the addresses that several destinations see. value is empty if that is not
// possible, and port then the second port that does not answer.
func (n *network) mappingOf(ctx context.Context, s *natSocket, first bound) (value string, port uint16) {
	if first.mapped == s.local {
		return NoNAT, 0
	}
	if first.other.IsValid() {
		second, err := s.ask(ctx, netip.AddrPortFrom(first.other.Addr(), n.stun[0].at.Port()))
		if err == nil && second.mapped == first.mapped {
			return EndpointIndependent, 0
		}
		third, err3 := s.ask(ctx, first.other)
		if err == nil && err3 == nil && third.mapped == second.mapped {
			return AddressDependent, 0
		}
		if err == nil && err3 == nil {
			return AddressPortDependent, 0
		}
	}
	at := n.second(ctx)
	second, err := s.ask(ctx, at)
	switch {
	case !at.IsValid():
		return "", 0
	case err != nil:
		return "", at.Port()
	case second.mapped == first.mapped:
		return PortIndependent, 0
	default:
		return AddressPortDependent, 0
	}
}

// second returns the second STUN port of the server; invalid = it has none.
func (n *network) second(ctx context.Context) netip.AddrPort {
	if len(n.asked.Mapping) != 2 { //nolint:mnd // that is what they are
		return netip.AddrPort{}
	}
	uri, err := stun.ParseURI(n.asked.Mapping[1])
	if err != nil {
		return netip.AddrPort{}
	}
	return n.lookup(ctx, uri)
}

func mappingFinding(value string, mapped netip.Addr) Finding {
	var f Finding
	switch value {
	case NoNAT:
		f = good(Mapping, "None. Others can reach this device at its own address, unless a firewall forbids it.")
	case EndpointIndependent:
		f = good(Mapping, fmt.Sprintf("The same address for every destination, %v. Direct calls work with most other networks.", mapped))
	case PortIndependent:
		f = good(Mapping, fmt.Sprintf("The same address for every port, %v. Whether the address of the destination makes a difference is unknown, because the server has one address.", mapped))
	case AddressDependent, AddressPortDependent:
		f = fault(Mapping, Warn, MappingChanges, "Another address for every destination.", "The NAT is symmetric, so others cannot be told where to reach this device.",
			"Direct calls rarely work from here. They go through the relay, which works just as well.")
	default:
		return skipped(Mapping, NotFound, "Could not be found out.", "")
	}
	f.Value = value
	return f
}
