package wire_test

import (
	"net/netip"
	"testing"

	"callbox/turnserver/wire"
)

func TestNoAllocations(t *testing.T) {
	peer := netip.MustParseAddrPort("8.8.8.8:9")
	request := []byte(sampleRequest)
	send := build(t, wire.Send, wire.Indication, func(b *wire.Builder) {
		b.AddXORAddress(wire.XORPeerAddress, peer)
		b.Add(wire.DataValue, make([]byte, 1000))
	}).Raw()
	buffer := make([]byte, 0, 2048)
	headroom := make([]byte, wire.DataHeader6Len)
	channel := []byte("\x40\x00\x00\x04data")
	unknown := []wire.Attr{1, 2}
	for name, f := range map[string]func(){
		"parse": func() {
			m, err := wire.Parse(request)
			if err != nil || !m.CheckFingerprint() || !m.Has(wire.Username) {
				t.Error(err)
			}
		},
		"send indication": func() {
			m, _ := wire.Parse(send)
			if _, data, _, ok := wire.SendIndication(m); !ok || len(data) != 1000 {
				t.Error("no data")
			}
		},
		"data indication": func() {
			if n, _ := wire.PutDataIndication(headroom, id(), peer, 1000); n != wire.DataHeader4Len {
				t.Error(n)
			}
		},
		"channel data": func() {
			if _, payload, ok := wire.ChannelData(channel); !ok || len(payload) != 4 {
				t.Error("no payload")
			}
			wire.PutChannelHeader(headroom, 0x4000, 4)
		},
		"binding": func() {
			m, _ := wire.Parse(request)
			if len(wire.AppendBindingSuccess(buffer, m, peer, peer, peer)) < 32 {
				t.Error("no answer")
			}
		},
		"error": func() {
			m, _ := wire.Parse(request)
			b := wire.Build(buffer, wire.NewType(wire.Allocate, wire.Error), m.TransactionID())
			b.AddError(401, "Unauthorized")
			b.AddString(wire.Realm, "callbox")
			b.AddUnknown(unknown)
			b.AddFingerprint()
			if b.Bytes() == nil {
				t.Error("no answer")
			}
		},
	} {
		if allocs := testing.AllocsPerRun(100, f); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
