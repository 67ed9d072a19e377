package wire_test

import (
	"bytes"
	"crypto/md5"
	"net/netip"
	"testing"

	"callbox/turnserver/wire"
)

// The test vectors of RFC 5769.
const (
	shortTermPassword = "VOkJxbRl1RmTxUk/WvJxBt"

	sampleRequest = "\x00\x01\x00\x58\x21\x12\xa4\x42" +
		"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" +
		"\x80\x22\x00\x10STUN test client" +
		"\x00\x24\x00\x04\x6e\x00\x01\xff" +
		"\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36" +
		"\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20" +
		"\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2" +
		"\x80\x28\x00\x04\xe5\x7a\x3b\xcf"
	sampleResponseIPv4 = "\x01\x01\x00\x3c\x21\x12\xa4\x42" +
		"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" +
		"\x80\x22\x00\x0btest vector\x20" +
		"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43" +
		"\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7" +
		"\x80\x28\x00\x04\xc0\x7d\x4c\x96"
	sampleResponseIPv6 = "\x01\x01\x00\x48\x21\x12\xa4\x42" +
		"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" +
		"\x80\x22\x00\x0btest vector\x20" +
		"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9" +
		"\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41" +
		"\x80\x28\x00\x04\xc8\xfb\x0b\x4c"
	sampleLongTerm = "\x00\x01\x00\x60\x21\x12\xa4\x42" +
		"\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e" +
		"\x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\x00\x00" +
		"\x00\x15\x00\x1cf//499k954d6OL34oL9FSTvy64sA" +
		"\x00\x14\x00\x0bexample.org\x00" +
		"\x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66"

	longTermUser = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
)

func longTermKey() []byte {
	key := md5.Sum([]byte(longTermUser + ":example.org:TheMatrIX"))
	return key[:]
}

func parse(tb testing.TB, raw string) wire.Message {
	tb.Helper()
	m, err := wire.Parse([]byte(raw))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestRFC5769(t *testing.T) {
	for name, sample := range map[string]struct {
		raw         string
		kind        wire.Type
		key         []byte
		fingerprint bool
		attribute   wire.Attr
		value       string
		mapped      string
	}{
		"request": {
			sampleRequest, wire.NewType(wire.Binding, wire.Request),
			[]byte(shortTermPassword), true, wire.Username, "evtj:h6vY", "",
		},
		"IPv4 response": {
			sampleResponseIPv4, wire.NewType(wire.Binding, wire.Success),
			[]byte(shortTermPassword), true, wire.Software, "test vector", "192.0.2.1:32853",
		},
		"IPv6 response": {
			sampleResponseIPv6, wire.NewType(wire.Binding, wire.Success),
			[]byte(shortTermPassword), true, wire.Software, "test vector", "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
		},
		"long-term": {
			sampleLongTerm, wire.NewType(wire.Binding, wire.Request),
			longTermKey(), false, wire.Username, longTermUser, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(t, sample.raw)
			if m.Type() != sample.kind || m.HasFingerprint() != sample.fingerprint || !m.HasIntegrity() {
				t.Errorf("type %#x, fingerprint %t, integrity %t", m.Type(), m.HasFingerprint(), m.HasIntegrity())
			}
			if !m.CheckIntegrity(sample.key) || m.CheckIntegrity([]byte("another")) || !m.CheckFingerprint() {
				t.Error("integrity or fingerprint")
			}
			if value, ok := m.Get(sample.attribute); !ok || string(value) != sample.value {
				t.Errorf("attribute %#x is %q", sample.attribute, value)
			}
			if value, ok := m.Get(wire.XORMappedAddress); ok != (sample.mapped != "") {
				t.Errorf("mapped address %x", value)
			} else if ok {
				if got, _ := m.Address(value); got != netip.MustParseAddrPort(sample.mapped) {
					t.Errorf("mapped address %s", got)
				}
			}
		})
	}
}

// A response that is built again is the same, byte for byte, except for the padding, which the samples of
// the RFC fill with spaces.
func TestRFC5769Build(t *testing.T) {
	for raw, mapped := range map[string]string{
		sampleResponseIPv4: "192.0.2.1:32853",
		sampleResponseIPv6: "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
	} {
		sample := parse(t, raw)
		b := wire.Build([]byte("before"), sample.Type(), sample.TransactionID())
		b.AddString(wire.Software, "test vector")
		b.AddXORAddress(wire.XORMappedAddress, netip.MustParseAddrPort(mapped))
		unsigned := len("before") + b.Len()
		built, ok := bytes.CutPrefix(b.Bytes(), []byte("before"))
		want := bytes.Replace([]byte(raw), []byte("vector "), []byte("vector\x00"), 1)
		if !ok || !bytes.Equal(built[4:], want[4:unsigned-len("before")]) {
			t.Errorf("built %x", built)
		}
		b.Sign([]byte(shortTermPassword))
		b.AddFingerprint()
		m := parse(t, string(b.Bytes()[len("before"):]))
		if !m.CheckIntegrity([]byte(shortTermPassword)) || !m.CheckFingerprint() || len(m.Raw()) != len(raw) {
			t.Errorf("signed %x", m.Raw())
		}
	}
}

// Every bit is protected, except those that neither attribute covers.
func TestRFC5769Tampered(t *testing.T) {
	key := longTermKey()
	for i := range len(sampleLongTerm) * 8 {
		raw := []byte(sampleLongTerm)
		raw[i/8] ^= 1 << (i % 8)
		if m, err := wire.Parse(raw); err == nil && m.CheckIntegrity(key) {
			t.Errorf("bit %d of byte %d is not protected", i%8, i/8)
		}
	}
	for i := range len(sampleRequest) * 8 {
		raw := []byte(sampleRequest)
		raw[i/8] ^= 1 << (i % 8)
		if m, err := wire.Parse(raw); err == nil && m.HasFingerprint() && m.CheckFingerprint() {
			t.Errorf("bit %d of byte %d has no fingerprint", i%8, i/8)
		}
	}
}
