package turnserver

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"callbox/internal/netaddr"
	"callbox/turnserver/datapath"
	"callbox/turnserver/wire"
)

// discovery is what clients can find out with about their NAT's behaviour (RFC
// 5780): the UDP sockets of the server, by every address that one is reached at.
// With two addresses and two ports a client can ask from where it is answered.
type discovery struct {
	sockets map[netip.AddrPort]outlet
	public  func(netip.Addr) netip.Addr
}

// outlet is a socket, and which of its addresses it is to send from; the zero
// Addr when it has but one.
type outlet struct {
	socket *datapath.Socket
	at     netip.Addr
}

// newDiscovery takes the sockets of a server. One that is bound to every address
// stands for those that relays bind to.
func newDiscovery(sockets []*datapath.Socket, addresses *relayAddresses) *discovery {
	d := &discovery{sockets: map[netip.AddrPort]outlet{}, public: addresses.publicOf}
	for _, socket := range sockets {
		local := netaddr.AddrPort(socket.LocalAddr())
		if !local.Addr().IsUnspecified() {
			d.add(local, outlet{socket: socket})
			continue
		}
		for _, a := range addresses.all {
			if a.bind.Is4() || local.Addr().Is6() {
				d.add(netip.AddrPortFrom(a.bind, local.Port()), outlet{socket: socket, at: a.bind})
			}
		}
	}
	return d
}

// add keeps the first of several sockets for one address.
func (d *discovery) add(local netip.AddrPort, o outlet) {
	if _, ok := d.sockets[local]; !ok {
		d.sockets[local] = o
	}
}

// attach has a socket tell what its answers are to say, if there is anything.
func (d *discovery) attach(socket *datapath.Socket) {
	type description struct{ origin, other netip.AddrPort }
	bound := netaddr.AddrPort(socket.LocalAddr())
	told := map[netip.Addr]description{}
	for local, o := range d.sockets {
		same := local == bound || bound.Addr().IsUnspecified() && o.at.IsValid() && local.Port() == bound.Port()
		if origin, other := d.describe(local); same && origin.IsValid() {
			told[o.at] = description{origin, other}
		}
	}
	if len(told) == 0 {
		return
	}
	socket.Describe(func(at netip.Addr) (origin, other netip.AddrPort) {
		is := told[at.Unmap()]
		return d.advertised(is.origin), d.advertised(is.other)
	})
}

// alternate is the address, and the port, that who asks at local can ask to be
// answered from instead; the zero of either where there is none. both says that
// there is a socket with the two of them.
func (d *discovery) alternate(local netip.AddrPort) (ip netip.Addr, port uint16, both bool) {
	if _, ok := d.sockets[local]; !ok {
		return netip.Addr{}, 0, false
	}
	for _, other := range slices.SortedFunc(maps.Keys(d.sockets), netip.AddrPort.Compare) {
		newIP, newPort := other.Addr() != local.Addr(), other.Port() != local.Port()
		_, hasIP := d.sockets[netip.AddrPortFrom(other.Addr(), local.Port())]
		_, hasPort := d.sockets[netip.AddrPortFrom(local.Addr(), other.Port())]
		switch {
		case other.Addr().Is4() != local.Addr().Is4():
		case newIP && newPort && hasIP && hasPort:
			return other.Addr(), other.Port(), true
		case newIP && !newPort && !ip.IsValid():
			ip = other.Addr()
		case newPort && !newIP && port == 0:
			port = other.Port()
		}
	}
	return ip, port, false
}

// describe tells what an answer that is sent from local says of the server:
// RESPONSE-ORIGIN and OTHER-ADDRESS (RFC 5780 sections 7.3 and 7.4). Both are
// invalid where nothing can be discovered, and OTHER-ADDRESS where there is no
// second address with a second port.
func (d *discovery) describe(local netip.AddrPort) (origin, other netip.AddrPort) {
	ip, port, both := d.alternate(local)
	if !ip.IsValid() && port == 0 {
		return netip.AddrPort{}, netip.AddrPort{}
	}
	if both {
		other = netip.AddrPortFrom(ip, port)
	}
	return local, other
}

// advertised is an address of ours as the internet knows it, which may change.
func (d *discovery) advertised(local netip.AddrPort) netip.AddrPort {
	if !local.IsValid() {
		return local
	}
	return netip.AddrPortFrom(d.public(local.Addr()), local.Port())
}

// detour is where a Binding request asks to be answered from and to.
type detour struct {
	from    netip.AddrPort
	port    uint16 // of the client; 0 = the one it asks from
	padding int
}

// read follows RFC 5780 section 6.1. A request for what the server has not is
// answered as if it did not know the attribute.
func (d *discovery) read(m wire.Message, local netip.AddrPort) (detour, *refusal) {
	way := detour{from: local}
	var also []wire.Attr
	if ip, port, _ := d.alternate(local); ip.IsValid() || port != 0 {
		also = []wire.Attr{wire.ChangeRequest, wire.ResponsePort, wire.Padding}
	}
	if unknown := unknownAttributes(m, also...); len(unknown) > 0 {
		return way, &refusal{code: codeUnknownAttribute, unknown: unknown}
	}
	if raw, ok := m.Get(wire.ChangeRequest); ok {
		if len(raw) != 4 {
			return way, refuse(codeBadRequest)
		}
		if way.from, ok = d.change(local, raw[3]); !ok {
			return way, &refusal{code: codeUnknownAttribute, unknown: []wire.Attr{wire.ChangeRequest}}
		}
	}
	response, hasPort := m.Get(wire.ResponsePort)
	padding, hasPadding := m.Get(wire.Padding)
	if hasPort && (hasPadding || len(response) < 2 || binary.BigEndian.Uint16(response) == 0) {
		return way, refuse(codeBadRequest)
	}
	if hasPort {
		way.port = binary.BigEndian.Uint16(response)
	}
	way.padding = len(padding)
	return way, nil
}

// change is where the flags of a CHANGE-REQUEST (RFC 5780 section 7.2) have the
// answer come from; not ok when there is no such socket.
func (d *discovery) change(local netip.AddrPort, flags byte) (from netip.AddrPort, ok bool) {
	const changeIP, changePort = 4, 2
	ip, port, both := d.alternate(local)
	switch flags & (changeIP | changePort) {
	case 0:
		return local, true
	case changeIP:
		return netip.AddrPortFrom(ip, local.Port()), ip.IsValid()
	case changePort:
		return netip.AddrPortFrom(local.Addr(), port), port != 0
	default:
		return netip.AddrPortFrom(ip, port), both
	}
}

// answerBinding answers a Binding request (RFC 8489 section 12) that the data
// path has not. It proves nothing, so the answer always goes to the IP address
// that it came from, with no more PADDING than it had itself.
func (e *endpoint) answerBinding(m wire.Message) {
	q := &e.request
	local := e.localOf(q.at)
	way, refused := e.server.discovery.read(m, local)
	if refused != nil {
		e.answerError(refused)
		return
	}
	if !e.mayAnswer() {
		return
	}
	origin, other := e.server.discovery.describe(local)
	if origin.IsValid() {
		origin = way.from
	}
	d := e.server.discovery
	b := wire.BuildBindingSuccess(make([]byte, 0, answerRoom), m, q.client, d.advertised(origin), d.advertised(other))
	if way.padding > 0 {
		b.Add(wire.Padding, make([]byte, way.padding))
	}
	if q.fingerprint {
		b.AddFingerprint()
	}
	send, to := e.conn.WriteTo, q.client
	at := q.at
	if way.from != local {
		o := e.server.discovery.sockets[way.from]
		send, at = o.socket.WriteTo, o.at
	}
	if way.port != 0 {
		to = netip.AddrPortFrom(to.Addr(), way.port)
	}
	if err := send(b.Bytes(), to, at); err != nil {
		e.server.log.Debug("answer to a client", "protocol", string(e.protocol), "err", err)
	}
}

// localOf is the address of ours that a client of a UDP socket sent to; invalid
// for a stream, over which nothing can be discovered.
func (e *endpoint) localOf(at netip.Addr) netip.AddrPort {
	if e.protocol != UDP {
		return netip.AddrPort{}
	}
	local := netaddr.AddrPort(e.conn.LocalAddr())
	if at.IsValid() {
		local = netip.AddrPortFrom(at.Unmap(), local.Port())
	}
	return local
}
