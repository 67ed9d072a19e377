package datapath

import "sync/atomic"

// Count is a number of datagrams, and of the bytes of their payload.
type Count struct{ Packets, Bytes uint64 }

func (c *Count) add(other Count) {
	c.Packets += other.Packets
	c.Bytes += other.Bytes
}

// Flow counts what was relayed in one direction: in a channel, in indications, and by the
// short cut to another relay of the same server.
type Flow struct{ Channel, Indication, ShortCut Count }

// Total returns the sum of all three.
func (f Flow) Total() Count {
	total := f.Channel
	total.add(f.Indication)
	total.add(f.ShortCut)
	return total
}

// Traffic counts what was relayed from a client to its peers, and from them to the client.
type Traffic struct{ ToPeers, FromPeers Flow }

func (t *Traffic) add(other Traffic) {
	for _, pair := range [][2]*Flow{{&t.ToPeers, &other.ToPeers}, {&t.FromPeers, &other.FromPeers}} {
		pair[0].Channel.add(pair[1].Channel)
		pair[0].Indication.add(pair[1].Indication)
		pair[0].ShortCut.add(pair[1].ShortCut)
	}
}

// mechanism is how a datagram is relayed: by the channel or the Send mechanism of RFC 8656,
// or by the short cut.
type mechanism uint8

const (
	byChannel mechanism = iota
	byIndication
	byShortCut
	mechanisms
)

// meter counts one direction of a relay, by mechanism.
type meter [mechanisms]struct{ packets, bytes atomic.Uint64 }

func (m *meter) count(by mechanism, bytes int) {
	m[by].packets.Add(1)
	m[by].bytes.Add(uint64(bytes)) //nolint:gosec // a length
}

func (m *meter) flow() Flow {
	read := func(by mechanism) Count { return Count{m[by].packets.Load(), m[by].bytes.Load()} }
	return Flow{Channel: read(byChannel), Indication: read(byIndication), ShortCut: read(byShortCut)}
}
