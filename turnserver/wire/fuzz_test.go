package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver/wire"
)

// The attributes of every parsed message can be read, and built to the same bytes again, except for the
// padding.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		sampleRequest, sampleResponseIPv4, sampleResponseIPv6, sampleLongTerm, "",
		"\x00\x03\x00\x08\x21\x12\xa4\x42transaction!\x00\x19\x00\x04\x11\x00\x00\x00",
		"\x00\x16\x00\x14\x21\x12\xa4\x42transaction!\x00\x12\x00\x08\x00\x01\x21\x1b\x29\x1a\xac\x4a\x00\x13\x00\x01x\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := wire.Parse(raw)
		if err != nil {
			return
		}
		var theirs stun.Message
		if err := stun.Decode(raw, &theirs); err != nil || theirs.TransactionID != m.TransactionID() || theirs.Type.Value() != uint16(m.Type()) {
			t.Fatalf("parsed, but not by stun: %v", err)
		}
		b := wire.Build(nil, m.Type(), m.TransactionID())
		for attrs := m.Attributes(); attrs.Next(); {
			if attrs.Type == wire.MessageIntegrity || attrs.Type == wire.Fingerprint {
				t.Fatalf("attribute %#x", attrs.Type)
			}
			const draft = 0x8020 // that of XOR-MAPPED-ADDRESS before RFC 5389, which stun renames
			if attrs.Type == draft || attrs.Type == wire.XORMappedAddress {
				continue
			}
			if first, err := theirs.Get(stun.AttrType(attrs.Type)); err != nil {
				t.Fatalf("attribute %#x is not there", attrs.Type)
			} else if got, _ := m.Get(attrs.Type); !bytes.Equal(first, got) {
				t.Fatalf("attribute %#x is %x, want %x", attrs.Type, got, first)
			}
			if addr, ok := m.Address(attrs.Value); ok && addr.Addr().Is4In6() {
				t.Fatalf("address %s", addr)
			}
		}
		for attrs := m.Attributes(); attrs.Next(); {
			b.Add(attrs.Type, attrs.Value)
		}
		length := b.Len()
		key := []byte("key")
		b.Sign(key)
		b.AddFingerprint()
		if b.Bytes() == nil {
			return // there was no room for the two
		}
		again, err := wire.Parse(b.Bytes())
		if err != nil || !again.CheckIntegrity(key) || !again.CheckFingerprint() || length > len(raw) {
			t.Fatalf("%x is built again as %x: %v", raw, b.Bytes(), err)
		}
		if m.HasFingerprint() != theirs.Contains(stun.AttrFingerprint) || m.CheckFingerprint() != (!m.HasFingerprint() || stun.Fingerprint.Check(&theirs) == nil) {
			t.Fatal("fingerprint")
		}
		if peer, data, _, ok := wire.SendIndication(m); ok {
			header := make([]byte, wire.DataHeader6Len)
			n, padding := wire.PutDataIndication(header, m.TransactionID(), peer, len(data))
			if n == 0 {
				return
			}
			packet := append(append(header[len(header)-n:], data...), make([]byte, padding)...)
			if d, err := wire.Parse(packet); err != nil {
				t.Fatalf("data indication %x", packet)
			} else if got, _ := d.Get(wire.DataValue); !bytes.Equal(got, data) {
				t.Fatalf("data %x", got)
			}
		}
	})
}

// A frame is as long as its header says, and contains what was put into it.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x04data"))
	f.Add([]byte("\x7f\xff\x00\x01x\x00\x00\x00"))
	f.Add([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42transaction!"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < 4 {
			return
		}
		length, padding, ok := wire.FrameLength([4]byte(raw))
		number, payload, isData := wire.ChannelData(raw)
		if isData {
			if !ok || length != wire.ChannelHeaderLen+len(payload) || (length+padding)%4 != 0 || !wire.IsChannelNumber(number) {
				t.Fatalf("%x: frame of %d + %d, payload of %d", raw, length, padding, len(payload))
			}
			var header [4]byte
			wire.PutChannelHeader(header[:], number, len(payload))
			if !bytes.Equal(header[:], raw[:4]) {
				t.Fatalf("%x has header %x", raw, header)
			}
		}
		if m, err := wire.Parse(raw); err == nil && (!ok || isData || length != len(m.Raw()) || padding != 0) {
			t.Fatalf("%x: frame of %d + %d", raw, length, padding)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add([]byte{8, 8, 8, 8}, uint16(9), []byte("transaction!"))
	f.Add(netip.IPv6Loopback().AsSlice(), uint16(0), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, ip []byte, port uint16, transaction []byte) {
		addr, ok := netip.AddrFromSlice(ip)
		if !ok || len(transaction) != 12 {
			return
		}
		want := netip.AddrPortFrom(addr.Unmap(), port)
		b := wire.Build(nil, wire.NewType(wire.Binding, wire.Success), wire.TransactionID(transaction))
		b.AddXORAddress(wire.XORMappedAddress, netip.AddrPortFrom(addr, port))
		b.AddAddress(wire.MappedAddress, netip.AddrPortFrom(addr, port))
		m, err := wire.Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		xored, _ := m.Get(wire.XORMappedAddress)
		plain, _ := m.Get(wire.MappedAddress)
		if got, ok := m.Address(xored); !ok || got != want {
			t.Errorf("%s XOR-ed reads as %s", want, got)
		}
		if got, ok := wire.PlainAddress(plain); !ok || got != want {
			t.Errorf("%s reads as %s", want, got)
		}
	})
}
