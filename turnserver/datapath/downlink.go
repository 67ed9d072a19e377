package datapath

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"callbox/turnserver/wire"
)

// fromPeer relays a datagram that has come to the relay's socket.
func (r *Relay) fromPeer(o packetSink, source netip.AddrPort, k *packet) {
	r.path.stats.drop(r.receive(o, r.checkPeer(source), k))
}

func (r *Relay) receive(o packetSink, check *peerCheck, k *packet) Drop {
	if check.cause != Sent {
		if check.cause == Denied {
			r.path.config.Refused(r, check.from.Addr(), check.rule)
		}
		return check.cause
	}
	n := k.end - k.start
	if cause := r.charge(o, n); cause != Sent {
		return cause
	}
	by := byIndication
	if check.channel != nil {
		by = byChannel
	}
	if !r.toClient(o, check.channel, check.peer, k) {
		return TooLong
	}
	r.fromPeers.count(by, n)
	return Sent
}

// fromRelay relays what another relay of this server sends to this one, as if it had come
// over the network. rt is the other relay's route to this one.
func (r *Relay) fromRelay(o packetSink, other *Relay, rt *route, k *packet) Drop {
	if !rt.permitted {
		return NoPermission
	}
	n := k.end - k.start
	if cause := r.charge(o, n); cause != Sent {
		return cause
	}
	if !r.toClient(o, rt.channel, other.relayed, k) {
		return TooLong
	}
	r.fromPeers.count(byShortCut, n)
	return Sent
}

// toClient sends a payload of peer to the client: as ChannelData when channel is not nil,
// else as a Data indication. It returns false when the payload is too long for that.
func (r *Relay) toClient(o packetSink, channel *binding, peer netip.AddrPort, k *packet) bool {
	n := k.end - k.start
	if channel != nil {
		head := k.front(wire.ChannelHeaderLen)
		if head == nil {
			head = o.scratch(wire.ChannelHeaderLen)
		}
		wire.PutChannelHeader(head, channel.number, n)
		o.toClient(r.client, head, k.bytes(), 0)
		return true
	}
	head := k.front(maxHeader)
	if head == nil {
		head = o.scratch(maxHeader)
	}
	length, padding := wire.PutDataIndication(head, newTransactionID(), peer, n)
	if length == 0 {
		return false
	}
	o.toClient(r.client, head[len(head)-length:], k.bytes(), padding)
	return true
}

// newTransactionID returns the ID of an indication. Nobody answers indications, so it only
// has to be different each time (RFC 8489 section 5).
func newTransactionID() (id wire.TransactionID) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64())  //nolint:gosec // no secret
	binary.NativeEndian.PutUint32(id[8:], rand.Uint32()) //nolint:gosec // no secret
	return id
}
