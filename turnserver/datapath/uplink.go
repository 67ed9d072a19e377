package datapath

import (
	"net/netip"

	"callbox/internal/netaddr"
	"callbox/turnserver/wire"
)

// maxHeader is the length of the longest header in front of a payload: that of a Data
// indication from an IPv6 peer.
const maxHeader = wire.DataHeader6Len

// kind is what kind of message a client has sent.
type kind uint8

const (
	kindNoise   kind = iota // nothing that a TURN server handles
	kindControl             // for the control plane
	kindChannel             // ChannelData
	kindSend                // a Send indication
	kindBinding             // a Binding request that may be plain
)

// classify returns the kind of a message by its first bytes.
func classify(p []byte) kind {
	switch {
	case wire.IsChannelData(p):
		return kindChannel
	case !wire.IsSTUN(p):
		return kindNoise
	}
	switch wire.Type(uint16(p[0])<<8 | uint16(p[1])) {
	case wire.NewType(wire.Send, wire.Indication):
		return kindSend
	case wire.NewType(wire.Binding, wire.Request):
		return kindBinding
	}
	if wire.Type(uint16(p[0])<<8|uint16(p[1])).Class() == wire.Request {
		return kindControl
	}
	return kindNoise // indications and responses, which no server waits for
}

// isPlain reports whether a Binding request asks for nothing but the address that it came
// from.
func isPlain(m wire.Message) bool {
	if m.HasIntegrity() {
		return false
	}
	for attrs := m.Attributes(); attrs.Next(); {
		if !attrs.Type.Optional() {
			return false
		}
	}
	return true
}

// fromClient relays what a client with relay r has sent; r is nil when it has none. It returns
// kindControl or kindBinding when the caller has to handle the message, else kindNoise.
func (p *Path) fromClient(o packetSink, r *Relay, k *packet) kind {
	what := classify(k.bytes())
	switch what {
	case kindChannel:
		if r == nil {
			p.stats.drop(NoAllocation)
		} else {
			p.stats.drop(r.sendChannel(o, k))
		}
	case kindSend:
		if r == nil {
			p.stats.drop(NoAllocation)
		} else {
			p.stats.drop(r.sendIndication(o, k))
		}
	case kindControl, kindBinding:
		return what
	case kindNoise:
		p.stats.drop(Malformed)
	}
	return kindNoise
}

// sendChannel relays ChannelData to the peer that the channel is bound to.
func (r *Relay) sendChannel(o packetSink, k *packet) Drop {
	number, payload, ok := wire.ChannelData(k.bytes())
	if !ok {
		return Malformed
	}
	b := r.rights.Load().channel(number)
	if b == nil {
		return NoChannel
	}
	k.strip(wire.ChannelHeaderLen, len(payload))
	return r.toPeer(o, &b.route, b.peer, k, byChannel)
}

// sendIndication relays the payload of a Send indication to a permitted peer.
func (r *Relay) sendIndication(o packetSink, k *packet) Drop {
	m, err := wire.Parse(k.bytes())
	if err != nil {
		return Malformed
	}
	peer, data, dontFragment, ok := wire.SendIndication(m)
	if !ok {
		return Malformed
	}
	peer = netaddr.Unmap(peer)
	if !r.rights.Load().permits(peer.Addr()) {
		return NoPermission
	}
	// The bytes in front of the payload have been read, but there may be fewer than a
	// header needs: so they do not count as free.
	whole := packet{buffer: data, end: len(data)}
	if dontFragment {
		return r.toPeerUnfragmented(peer, &whole)
	}
	return r.toPeer(o, &r.sendRoute, peer, &whole, byIndication)
}

// toPeerUnfragmented sends a payload while the kernel must not fragment. It may overtake what
// was collected for the relay before, as on any network.
func (r *Relay) toPeerUnfragmented(peer netip.AddrPort, k *packet) Drop {
	if err := r.conn.setDontFragment(true); err != nil {
		return Unreachable
	}
	defer r.conn.setDontFragment(false) //nolint:errcheck // the same call has just succeeded
	once := directSink{path: r.path}
	return r.toPeer(&once, &r.sendRoute, peer, k, byIndication)
}

// toPeer sends a payload to peer if the policy and the limits allow it.
func (r *Relay) toPeer(o packetSink, rt *route, peer netip.AddrPort, k *packet, by mechanism) Drop {
	r.resolve(rt, peer)
	if rt.rule != "" {
		r.path.config.Refused(r, peer.Addr(), rt.rule)
		return Denied
	}
	n := k.end - k.start
	if cause := r.charge(o, n); cause != Sent {
		return cause
	}
	if rt.target != nil {
		r.toPeers.count(byShortCut, n)
		return rt.target.fromRelay(o, r, rt, k)
	}
	r.toPeers.count(by, n)
	o.toPeer(r, &rt.to, k.bytes())
	return Sent
}

// charge takes n bytes from the limits of the user, of the group and of the server.
func (r *Relay) charge(o packetSink, n int) Drop {
	if r.userLimit != nil && !r.userLimit.Take(o.now(), n) {
		return UserRate
	}
	if !r.group.take(n) {
		return GroupVolume
	}
	if total := r.path.config.Total; total != nil && !total.Take(o.now(), n) {
		return TotalRate
	}
	return Sent
}
