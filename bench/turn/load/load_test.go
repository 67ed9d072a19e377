//go:build linux

package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

func TestTracker(t *testing.T) {
	tr := new(tracker)
	for _, c := range []struct {
		sequence uint32
		want     arrival
	}{
		{0, fresh},
		{1, fresh},
		{1, duplicate},
		{4, fresh},
		{2, overtaken},
		{2, duplicate},
		{0, duplicate},
		{3, overtaken},
		{70_000, fresh},
		{4, duplicate},
		{69_999, overtaken},
		{69_999, duplicate},
		{70_000, duplicate},
		{5000, overtaken},
		{70_000 + remembered - 1, fresh},
		{70_000, duplicate},
		{70_001, overtaken},
		{4 * remembered, fresh},
		{4*remembered - 1, overtaken},
	} {
		if got := tr.take(c.sequence); got != c.want {
			t.Errorf("%d is classified as %d, want %d", c.sequence, got, c.want)
		}
	}
}

// TestTrackerCounts compares a tracker with a set, for a flow with loss, reordering and
// duplicates.
func TestTrackerCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	seen := make(map[uint32]bool)
	tr := new(tracker)
	for i := range 300_000 {
		sequence := uint32(i) + uint32(random.IntN(2000))
		if got, known := tr.take(sequence), seen[sequence]; (got == duplicate) != known {
			t.Fatalf("%d is classified as %d; has it arrived before: %v", sequence, got, known)
		}
		seen[sequence] = true
	}
}

func TestHistogram(t *testing.T) {
	h := new(histogram)
	if got := h.percentile(99); got != 0 {
		t.Errorf("the percentile of an empty histogram is %v", got)
	}
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for p, want := range map[float64]float64{0: 0, 50: 500, 99: 990, 99.9: 999, 100: 1000} {
		if got := h.percentile(p); got != want {
			t.Errorf("percentile %v of 1 to 1000 is %v, want %v", p, got, want)
		}
	}
	h.add(time.Hour)
	h.add(-time.Hour)
	if got := h.percentile(100); got != 1_000_000 {
		t.Errorf("an hour counts as %v µs", got)
	}
	if h.reset(); h.total != 0 || h.percentile(50) != 0 {
		t.Error("the histogram is not empty after the reset")
	}
}

func TestPattern(t *testing.T) {
	const size = 160
	p := newPattern()
	packet := func(flow, sequence uint32) []byte {
		b := make([]byte, headBytes, size)
		putHead(b, flow, sequence, 42)
		return append(b, p.of(flow, sequence, size-headBytes)...)
	}
	good := packet(3, 77)
	sequence, due, ok := p.head(good, 3, size)
	if !ok || sequence != 77 || due != 42 {
		t.Fatalf("a valid packet is read as number %d, due at %d, %v", sequence, due, ok)
	}
	if _, _, ok := p.head(good, 4, size); ok {
		t.Error("it is accepted for another flow")
	}
	for name, bad := range map[string][]byte{
		"cut": good[:size-1], "longer": append(bytes.Clone(good), 0), "empty": nil, "another's body": append(packet(3, 78)[:headBytes:headBytes], good[headBytes:]...),
	} {
		if _, _, ok := p.head(bad, 3, size); ok {
			t.Errorf("%s is accepted", name)
		}
	}
	for at := headBytes; at < size; at++ {
		changed := bytes.Clone(good)
		changed[at] ^= 1
		if _, _, ok := p.head(changed, 3, size); ok {
			t.Errorf("a packet with a changed byte %d is accepted", at)
		}
	}
}

func TestFraming(t *testing.T) {
	payload := bytes.Repeat([]byte{1, 2, 3, 4}, 40)
	peer := netip.MustParseAddrPort("127.0.0.1:4000")
	before, err := prefix(channel, len(payload), peer)
	if err != nil || len(before) != 4 {
		t.Fatalf("the prefix of ChannelData is %x, %v", before, err)
	}
	for _, padding := range []int{0, 3} {
		got, ok := unwrap(channel, append(append(before[:4:4], payload...), make([]byte, padding)...))
		if !ok || !bytes.Equal(got, payload) {
			t.Errorf("with %d bytes of padding, ChannelData contains %x, %v", padding, got, ok)
		}
	}
	if _, ok := unwrap(channel, append(before[:4:4], payload[1:]...)); ok {
		t.Error("truncated ChannelData is accepted")
	}
	if _, ok := unwrap(channel, []byte{0x40, 2, 0, 0}); ok {
		t.Error("ChannelData of another channel is accepted")
	}
	if before, err := prefix(bare, 4, peer); err != nil || len(before) != 0 {
		t.Errorf("the prefix of a bare payload is %x, %v", before, err)
	}

	before, err = prefix(indication, len(payload), peer)
	if err != nil {
		t.Fatal(err)
	}
	m := &stun.Message{Raw: append(bytes.Clone(before), payload...)}
	if err := m.Decode(); err != nil || m.Type != stun.NewType(stun.MethodSend, stun.ClassIndication) {
		t.Fatalf("a Send indication is %v, %v", m, err)
	}
	var at stun.XORMappedAddress
	if err := at.GetFromAs(m, stun.AttrXORPeerAddress); err != nil || at.String() != peer.String() {
		t.Errorf("its peer is %v, %v", at, err)
	}
	if data, err := m.Get(stun.AttrData); err != nil || !bytes.Equal(data, payload) {
		t.Errorf("it contains %x, %v", data, err)
	}
	data, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication), peerAddress(peer),
		stun.RawAttribute{Type: stun.AttrData, Value: payload})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := unwrap(indication, data.Raw); !ok || !bytes.Equal(got, payload) {
		t.Errorf("a Data indication contains %x, %v", got, ok)
	}
	for cut := range len(data.Raw) {
		if _, ok := unwrap(indication, data.Raw[:cut]); ok {
			t.Errorf("%d bytes of a Data indication of %d bytes are accepted", cut, len(data.Raw))
		}
	}
}

func TestFrameLength(t *testing.T) {
	for _, c := range []struct {
		header        string
		whole, padded int
	}{
		{"\x40\x01\x00", 0, 0},
		{"\x40\x01\x00\x00", 4, 4},
		{"\x40\x01\x00\x01", 5, 8},
		{"\x7f\xff\x03\xe8", 1004, 1004},
		{"\x01\x03\x00\x08", 28, 28},
	} {
		if whole, padded := frameLength([]byte(c.header)); whole != c.whole || padded != c.padded {
			t.Errorf("%x is %d, padded %d", c.header, whole, padded)
		}
	}
}

func TestCarried(t *testing.T) {
	for _, c := range []struct {
		result result
		want   bool
	}{
		{result{Rate: 1000, Seconds: 2, Sent: 2000, Delivered: 2000}, true},
		{result{Rate: 1000, Seconds: 2, Sent: 2000, Delivered: 1999}, true},
		{result{Rate: 1000, Seconds: 2, Sent: 2000, Delivered: 1998}, false},
		{result{Rate: 1000, Seconds: 2, Sent: 1900, Delivered: 1900}, false},
		{result{Rate: 1000, Seconds: 2}, false},
	} {
		if got := c.result.carried(); got != c.want {
			t.Errorf("%+v is without loss: %v", c.result, got)
		}
	}
}

func TestOthers(t *testing.T) {
	before := usage{server: time.Second, self: 2 * time.Second, all: 10 * time.Second}
	after := usage{server: 2 * time.Second, self: 4 * time.Second, all: 13500 * time.Millisecond}
	if got := after.others(before); got != 0.5 {
		t.Errorf("others used %v s", got)
	}
	after.all = 12 * time.Second
	if got := after.others(before); got != 0 {
		t.Errorf("if all processors used less time than both sides, others used %v s", got)
	}
}

func TestOptions(t *testing.T) {
	for _, args := range []string{
		"-server localhost:1", "-server [::1]:1", "-server 127.0.0.1:1 -bytes 1001", "-server 127.0.0.1:1 -bytes 4", "-server 127.0.0.1:1 -bytes 1404",
		"-server 127.0.0.1:1 -burst 0", "-server 127.0.0.1:1 -burst 65", "-server 127.0.0.1:1 -burst 64 -bytes 1400 -coalesce",
		"-server 127.0.0.1:1 -transport sctp", "-server 127.0.0.1:1 -framing morse", "-server 127.0.0.1:1 -framing indication -transport tcp",
		"-server 127.0.0.1:1 -path sideways", "more",
	} {
		if err := run(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
