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

// discovery lets clients find out how their NAT behaves (RFC 5780). It has the UDP sockets of
// the server by every address that they are reached at. If there are two addresses with two
// ports each, a client can choose which one answers.
type discovery struct {
	sockets map[netip.AddrPort]stunEndpoint
	public  func(netip.Addr) netip.Addr
}

// stunEndpoint is a socket and the address that it sends from, the zero Addr when it has only
// one.
type stunEndpoint struct {
	socket *datapath.Socket
	at     netip.Addr
}

// newDiscovery returns the discovery of the sockets of a server. A socket that is bound to
// every address is reached at each relay address.
func newDiscovery(sockets []*datapath.Socket, addresses *relayAddresses) *discovery {
	d := &discovery{sockets: map[netip.AddrPort]stunEndpoint{}, public: addresses.publicOf}
	for _, socket := range sockets {
		local := netaddr.AddrPort(socket.LocalAddr())
		if !local.Addr().IsUnspecified() {
			d.add(local, stunEndpoint{socket: socket})
			continue
		}
		for _, a := range addresses.all {
			if a.bind.Is4() || local.Addr().Is6() {
				d.add(netip.AddrPortFrom(a.bind, local.Port()), stunEndpoint{socket: socket, at: a.bind})
			}
		}
	}
	return d
}

// add keeps the first of several sockets for one address.
func (d *discovery) add(local netip.AddrPort, e stunEndpoint) {
	if _, ok := d.sockets[local]; !ok {
		d.sockets[local] = e
	}
}

// attach makes the data path add the attributes of describe to its answers at a socket, if
// there are any.
func (d *discovery) attach(socket *datapath.Socket) {
	type description struct{ origin, other netip.AddrPort }
	bound := netaddr.AddrPort(socket.LocalAddr())
	descriptions := map[netip.Addr]description{}
	for local, e := range d.sockets {
		same := local == bound || bound.Addr().IsUnspecified() && e.at.IsValid() && local.Port() == bound.Port()
		if origin, other := d.describe(local); same && origin.IsValid() {
			descriptions[e.at] = description{origin, other}
		}
	}
	if len(descriptions) == 0 {
		return
	}
	socket.Describe(func(at netip.Addr) (origin, other netip.AddrPort) {
		is := descriptions[at.Unmap()]
		return d.advertised(is.origin), d.advertised(is.other)
	})
}

// alternate returns the other address, and the other port, from which a client that sends to
// local can ask to be answered; each is zero when there is none. both reports whether there is
// a socket with the other address and the other port.
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

// describe returns the RESPONSE-ORIGIN and OTHER-ADDRESS (RFC 5780 sections 7.3 and 7.4) of a
// response that is sent from local. Both are invalid when nothing can be discovered there, and
// OTHER-ADDRESS when there is no second address with a second port.
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

// advertised returns the public address of a local one. It may change.
func (d *discovery) advertised(local netip.AddrPort) netip.AddrPort {
	if !local.IsValid() {
		return local
	}
	return netip.AddrPortFrom(d.public(local.Addr()), local.Port())
}

// responseOptions is what a Binding request asks of its response.
type responseOptions struct {
	from    netip.AddrPort // the local address to send it from
	port    uint16         // of the client to send it to; 0 = the one that the request came from
	padding int
}

// read reads the options of a request (RFC 5780 section 6.1). A request for what the server
// does not have is answered as if it did not know the attribute.
func (d *discovery) read(m wire.Message, local netip.AddrPort) (responseOptions, *refusal) {
	options := responseOptions{from: local}
	var also []wire.Attr
	if ip, port, _ := d.alternate(local); ip.IsValid() || port != 0 {
		also = []wire.Attr{wire.ChangeRequest, wire.ResponsePort, wire.Padding}
	}
	if unknown := unknownAttributes(m, also...); len(unknown) > 0 {
		return options, &refusal{code: codeUnknownAttribute, unknown: unknown}
	}
	if raw, ok := m.Get(wire.ChangeRequest); ok {
		if len(raw) != 4 {
			return options, refuse(codeBadRequest)
		}
		if options.from, ok = d.change(local, raw[3]); !ok {
			return options, &refusal{code: codeUnknownAttribute, unknown: []wire.Attr{wire.ChangeRequest}}
		}
	}
	response, hasPort := m.Get(wire.ResponsePort)
	padding, hasPadding := m.Get(wire.Padding)
	if hasPort && (hasPadding || len(response) < 2 || binary.BigEndian.Uint16(response) == 0) {
		return options, refuse(codeBadRequest)
	}
	if hasPort {
		options.port = binary.BigEndian.Uint16(response)
	}
	options.padding = len(padding)
	return options, nil
}

// change returns the local address from which the flags of a CHANGE-REQUEST (RFC 5780 section
// 7.2) ask to be answered; ok is false when there is no such socket.
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

// answerBinding answers a Binding request (RFC 8489 section 12) that the data path has not
// answered. It is not authenticated, so the response always goes to the IP address that it
// came from, with no more PADDING than the request had.
func (e *endpoint) answerBinding(m wire.Message) {
	q := &e.request
	local := e.localOf(q.at)
	options, refused := e.server.discovery.read(m, local)
	if refused != nil {
		e.answerError(refused)
		return
	}
	if !e.mayAnswer() {
		return
	}
	origin, other := e.server.discovery.describe(local)
	if origin.IsValid() {
		origin = options.from
	}
	d := e.server.discovery
	b := wire.BuildBindingSuccess(make([]byte, 0, answerRoom), m, q.client, d.advertised(origin), d.advertised(other))
	if options.padding > 0 {
		b.Add(wire.Padding, make([]byte, options.padding))
	}
	if q.fingerprint {
		b.AddFingerprint()
	}
	send, to := e.conn.WriteTo, q.client
	at := q.at
	if options.from != local {
		alternate := e.server.discovery.sockets[options.from]
		send, at = alternate.socket.WriteTo, alternate.at
	}
	if options.port != 0 {
		to = netip.AddrPortFrom(to.Addr(), options.port)
	}
	if err := send(b.Bytes(), to, at); err != nil {
		e.server.log.Debug("answer to a client", "protocol", string(e.protocol), "err", err)
	}
}

// localOf returns the local address that a client of a UDP socket sent to. It is invalid for a
// stream, over which nothing can be discovered.
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
