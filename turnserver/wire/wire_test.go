package wire_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver/wire"
)

func id() wire.TransactionID { return wire.TransactionID([]byte("transaction!")) }

func build(tb testing.TB, m wire.Method, c wire.Class, add func(b *wire.Builder)) wire.Message {
	tb.Helper()
	b := wire.Build(nil, wire.NewType(m, c), id())
	if add != nil {
		add(&b)
	}
	return parse(tb, string(b.Bytes()))
}

func TestType(t *testing.T) {
	for method := range wire.Method(0x1000) {
		for class := range wire.Class(4) {
			kind := wire.NewType(method, class)
			theirs := stun.NewType(stun.Method(method), stun.MessageClass(class)).Value()
			if uint16(kind) != theirs || kind.Method() != method || kind.Class() != class {
				t.Fatalf("method %#x class %d: type %#x, want %#x", method, class, kind, theirs)
			}
		}
	}
	if wire.CreatePermission.String() != "CreatePermission" || wire.Method(0x77).String() != "unknown" {
		t.Error("names of methods")
	}
}

func TestParseMalformed(t *testing.T) {
	header := func(length uint16, body ...byte) []byte {
		raw := binary.BigEndian.AppendUint16([]byte{0, 1}, length)
		raw = append(raw, "\x21\x12\xa4\x42transaction!"...)
		return append(raw, body...)
	}
	for name, raw := range map[string][]byte{
		"nothing":                 nil,
		"short":                   header(0)[:19],
		"other cookie":            append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43}, make([]byte, 12)...),
		"first bits":              append([]byte{0x40, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...),
		"length too long":         header(4),
		"length too short":        header(0, 0x80, 0x22, 0, 0),
		"length not in words":     header(2, 0, 0),
		"attribute too long":      header(4, 0x80, 0x22, 0, 1),
		"attribute past the end":  header(8, 0x80, 0x22, 0xff, 0xff, 1, 2, 3, 4),
		"integrity of 4 bytes":    header(8, 0, 8, 0, 4, 1, 2, 3, 4),
		"fingerprint of 0 bytes":  header(4, 0x80, 0x28, 0, 0),
		"fingerprint not the end": header(12, 0x80, 0x28, 0, 4, 1, 2, 3, 4, 0x80, 0x22, 0, 0),
	} {
		if m, err := wire.Parse(raw); err == nil {
			t.Errorf("%s: parsed as %#x", name, m.Type())
		}
	}
	if m, err := wire.Parse(header(0)); err != nil || m.Type() != wire.NewType(wire.Binding, wire.Request) || m.TransactionID() != id() {
		t.Errorf("a bare header: %v", err)
	}
}

// Anybody could have added what follows MESSAGE-INTEGRITY.
func TestBehindIntegrity(t *testing.T) {
	b := wire.Build(nil, wire.NewType(wire.Refresh, wire.Request), id())
	b.AddUint32(wire.Lifetime, 600)
	b.AddUint32(wire.Lifetime, 1)
	b.Sign([]byte("key"))
	b.AddString(wire.Username, "mallory")
	b.AddUint32(wire.Lifetime, 0)
	m := parse(t, string(b.Bytes()))
	if lifetime, ok := m.Uint32(wire.Lifetime); !ok || lifetime != 600 {
		t.Errorf("lifetime %d, want that of the first attribute", lifetime)
	}
	if m.Has(wire.Username) || !m.CheckIntegrity([]byte("key")) || m.HasFingerprint() {
		t.Error("the name behind the signature counts")
	}
	if m := build(t, wire.Refresh, wire.Request, func(b *wire.Builder) { b.AddString(wire.Lifetime, "xx") }); m.CheckIntegrity(nil) {
		t.Error("no signature, and it is right")
	} else if _, ok := m.Uint32(wire.Lifetime); ok {
		t.Error("a lifetime of two bytes is read")
	}
}

func TestError(t *testing.T) {
	m := build(t, wire.Allocate, wire.Error, func(b *wire.Builder) {
		b.AddError(420, "Unknown Attribute")
		b.AddUnknown([]wire.Attr{0x0fff, wire.DontFragment, 3})
		b.Sign([]byte("key"))
		b.AddFingerprint()
	})
	var theirs stun.Message
	var code stun.ErrorCodeAttribute
	var unknown stun.UnknownAttributes
	if err := stun.Decode(m.Raw(), &theirs); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Parse(&code, &unknown); err != nil || code.Code != 420 || string(code.Reason) != "Unknown Attribute" || len(unknown) != 3 || unknown[1] != stun.AttrDontFragment {
		t.Errorf("%v %s %v, %v", code.Code, code.Reason, unknown, err)
	}
	if err := theirs.Check(stun.MessageIntegrity("key"), stun.Fingerprint); err != nil {
		t.Error(err)
	}
}

func TestBuildOverflow(t *testing.T) {
	b := wire.Build(nil, wire.NewType(wire.Data, wire.Indication), id())
	b.Add(wire.DataValue, make([]byte, 65528))
	if m, err := wire.Parse(b.Bytes()); err != nil || len(m.Raw()) != 65552 {
		t.Errorf("the longest message: %v", err)
	}
	b.AddFingerprint()
	if b.Bytes() != nil {
		t.Error("a message longer than its length can tell")
	}
}

func TestBindingSuccess(t *testing.T) {
	mapped, origin, other := netip.MustParseAddrPort("[::ffff:192.0.2.1]:32853"), netip.MustParseAddrPort("192.0.2.2:3478"), netip.MustParseAddrPort("[2001:db8::1]:3479")
	plain := build(t, wire.Binding, wire.Request, nil)
	m := parse(t, string(wire.AppendBindingSuccess(nil, plain, mapped, netip.AddrPort{}, netip.AddrPort{})))
	if m.HasFingerprint() || m.TransactionID() != id() || m.Has(wire.ResponseOrigin) || m.Has(wire.OtherAddress) {
		t.Errorf("answer %x", m.Raw())
	}
	value, _ := m.Get(wire.XORMappedAddress)
	if got, ok := m.Address(value); !ok || got != netip.MustParseAddrPort("192.0.2.1:32853") || len(value) != 8 {
		t.Errorf("mapped address %s in %x", got, value)
	}
	m = parse(t, string(wire.AppendBindingSuccess(nil, parse(t, sampleRequest), mapped, origin, other)))
	if !m.HasFingerprint() || !m.CheckFingerprint() {
		t.Error("the answer to a request with FINGERPRINT has none, or a wrong one")
	}
	for kind, want := range map[wire.Attr]netip.AddrPort{wire.ResponseOrigin: origin, wire.OtherAddress: other} {
		value, _ := m.Get(kind)
		if got, ok := wire.PlainAddress(value); !ok || got != want {
			t.Errorf("attribute %#x is %s", kind, got)
		}
	}
}

// An IPv6 address that becomes an IPv4-mapped one when it is XOR-ed keeps its sixteen bytes.
func TestXORedAddressLooksMapped(t *testing.T) {
	looks := netip.MustParseAddr("::ffff:9.9.9.9").As16()
	mask := append([]byte{0x21, 0x12, 0xa4, 0x42}, "transaction!"...)
	for i := range looks {
		looks[i] ^= mask[i]
	}
	want := netip.AddrPortFrom(netip.AddrFrom16(looks), 9)
	m := build(t, wire.Binding, wire.Success, func(b *wire.Builder) { b.AddXORAddress(wire.XORMappedAddress, want) })
	value, _ := m.Get(wire.XORMappedAddress)
	if got, ok := m.Address(value); !ok || got != want {
		t.Errorf("%s reads as %s from %x", want, got, value)
	}
}

func TestChannelData(t *testing.T) {
	for _, test := range []struct {
		raw     string
		number  uint16
		payload string
		ok      bool
	}{
		{"\x40\x00\x00\x00", 0x4000, "", true},
		{"\x7f\xff\x00\x03abc\x00", 0x7fff, "abc", true},
		{"\x40\x01\x00\x04abc", 0, "", false},
		{"\x40\x01\x00", 0, "", false},
		{"\x3f\xff\x00\x00", 0, "", false},
		{"\x80\x00\x00\x00", 0, "", false},
	} {
		number, payload, ok := wire.ChannelData([]byte(test.raw))
		if number != test.number || string(payload) != test.payload || ok != test.ok {
			t.Errorf("%q: %#x %q %t", test.raw, number, payload, ok)
		}
	}
	var header [4]byte
	wire.PutChannelHeader(header[:], 0x4abc, 0xfff1)
	if header != [4]byte{0x4a, 0xbc, 0xff, 0xf1} || !wire.IsChannelNumber(0x4000) || wire.IsChannelNumber(0x8000) {
		t.Errorf("header %x", header)
	}
}

func TestFrameLength(t *testing.T) {
	for header, want := range map[[4]byte][3]int{
		{0, 1, 0, 0}:             {20, 0, 1},
		{0, 1, 0, 88}:            {108, 0, 1},
		{0, 1, 0xff, 0xfc}:       {65552, 0, 1},
		{0, 1, 0, 2}:             {22, 0, 0},
		{0x40, 0, 0, 0}:          {4, 0, 1},
		{0x40, 0, 0, 1}:          {5, 3, 1},
		{0x7f, 0xff, 0xff, 0xff}: {65539, 1, 1},
		{0x80, 0, 0, 4}:          {0, 0, 0},
		{'G', 'E', 'T', ' '}:     {4 + 0x5420, 0, 1},
	} {
		length, padding, ok := wire.FrameLength(header)
		if length != want[0] || padding != want[1] || ok != (want[2] == 1) {
			t.Errorf("%x: %d + %d, %t; want %v", header, length, padding, ok, want)
		}
	}
}

func TestSendIndication(t *testing.T) {
	peer4, peer6 := netip.MustParseAddrPort("8.8.8.8:9"), netip.MustParseAddrPort("[2606:4700::1]:9")
	for name, test := range map[string]struct {
		add  func(b *wire.Builder)
		peer netip.AddrPort
		data string
		df   bool
		ok   bool
	}{
		"IPv4": {func(b *wire.Builder) {
			b.AddXORAddress(wire.XORPeerAddress, peer4)
			b.AddString(wire.DataValue, "hello")
		}, peer4, "hello", false, true},
		"IPv6, data first": {func(b *wire.Builder) {
			b.AddString(wire.DataValue, "")
			b.Add(wire.DontFragment, nil)
			b.AddXORAddress(wire.XORPeerAddress, peer6)
			b.AddString(wire.Software, "optional")
			b.AddFingerprint()
		}, peer6, "", true, true},
		"the first of each": {func(b *wire.Builder) {
			b.AddXORAddress(wire.XORPeerAddress, peer4)
			b.AddXORAddress(wire.XORPeerAddress, peer6)
			b.AddString(wire.DataValue, "first")
			b.AddString(wire.DataValue, "second")
		}, peer4, "first", false, true},
		"no data":  {func(b *wire.Builder) { b.AddXORAddress(wire.XORPeerAddress, peer4) }, peer4, "", false, false},
		"no peer":  {func(b *wire.Builder) { b.AddString(wire.DataValue, "x") }, netip.AddrPort{}, "x", false, false},
		"bad peer": {func(b *wire.Builder) { b.AddString(wire.XORPeerAddress, "12345678") }, netip.AddrPort{}, "", false, false},
		"unknown attribute": {func(b *wire.Builder) {
			b.AddXORAddress(wire.XORPeerAddress, peer4)
			b.AddString(wire.DataValue, "x")
			b.Add(0x7fff, nil)
		}, netip.AddrPort{}, "", false, false},
	} {
		peer, data, df, ok := wire.SendIndication(build(t, wire.Send, wire.Indication, test.add))
		if ok != test.ok || peer != test.peer || string(data) != test.data || df != test.df {
			t.Errorf("%s: %s %q %t %t", name, peer, data, df, ok)
		}
	}
	request := build(t, wire.Send, wire.Request, func(b *wire.Builder) {
		b.AddXORAddress(wire.XORPeerAddress, peer4)
		b.AddString(wire.DataValue, "x")
	})
	if _, _, _, ok := wire.SendIndication(request); ok {
		t.Error("a request is taken for an indication")
	}
}

func TestDataIndication(t *testing.T) {
	for _, peer := range []string{"8.8.8.8:9", "[2606:4700::1]:65535", "[::ffff:9.9.9.9]:1"} {
		for n := range 9 {
			payload := bytes.Repeat([]byte{'x'}, n)
			packet := append(make([]byte, wire.DataHeader6Len), payload...)
			from := netip.MustParseAddrPort(peer)
			header, padding := wire.PutDataIndication(packet[:wire.DataHeader6Len], id(), from, n)
			packet = append(packet[wire.DataHeader6Len-header:], make([]byte, padding)...)
			m := parse(t, string(packet))
			value, _ := m.Get(wire.XORPeerAddress)
			got, ok := m.Address(value)
			data, _ := m.Get(wire.DataValue)
			if !ok || got.Addr() != from.Addr().Unmap() || got.Port() != from.Port() || !bytes.Equal(data, payload) || m.Type() != wire.NewType(wire.Data, wire.Indication) || m.TransactionID() != id() {
				t.Errorf("%s %d: %x", peer, n, packet)
			}
		}
	}
	var headroom [wire.DataHeader6Len]byte
	v4, v6 := netip.MustParseAddrPort("8.8.8.8:9"), netip.MustParseAddrPort("[::1]:9")
	for n, fits := range map[int]bool{65507: true, 65516: true, 65517: false, 1 << 20: false} {
		if header, _ := wire.PutDataIndication(headroom[:], id(), v4, n); (header > 0) != fits {
			t.Errorf("%d bytes: header of %d", n, header)
		}
	}
	if header, _ := wire.PutDataIndication(headroom[:], id(), v6, 65507); header != 0 {
		t.Errorf("65507 bytes from IPv6: header of %d", header)
	}
}
