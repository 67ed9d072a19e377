package turnserver

import (
	"bytes"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver/wire"
)

func FuzzUsername(f *testing.F) {
	for _, seed := range []string{"1700000000:ann", "1700000000", ":", "0:", "9223372036854775807:x", "-1:x", "1:a:b", "00000000000000000001:x", "１:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, username string) {
		expiry, user, _, err := parseUsername(username)
		if err != nil {
			return
		}
		if user == "" || expiry.Unix() < 0 || len(username) > maxUsernameBytes {
			t.Errorf("%q: %d, %q", username, expiry.Unix(), user)
		}
		again, same, _, err := parseUsername(strconv.FormatInt(expiry.Unix(), 10) + ":" + user)
		if err != nil || same != user || !again.Equal(expiry) {
			t.Errorf("%q reads again as %v, %q, %v", username, again, same, err)
		}
	})
}

func FuzzPeerRule(f *testing.F) {
	for _, seed := range []string{"private", "10.0.0.0/8", "10.0.0.1", "::1", "::ffff:10.0.0.0/104", "fe80::1%lo", "1.2.3.4/33", "::ffff:1.2.3.4/0", " 9.9.9.9 "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ParsePeerRule(text)
		if (err == nil) != (len(rules) > 0) {
			t.Fatalf("%q: %v, %v", text, rules, err)
		}
		for _, rule := range rules {
			again, err := ParsePeerRule(rule.String())
			if err != nil || len(again) != 1 || again[0] != rule || rule.Addr().Is4In6() || rule != rule.Masked() {
				t.Errorf("%q reads as %v, and that as %v, %v", text, rule, again, err)
			}
		}
	})
}

func FuzzPortRange(f *testing.F) {
	for _, seed := range []string{"49152-65535", "1", "0-1", "2-1", "-", "65536", "1-2-3", "٣-٤"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again PortRange
		if err := r.UnmarshalText([]byte(text)); err != nil {
			return
		}
		if r.Min == 0 || r.Min > r.Max {
			t.Errorf("%q reads as %v", text, r)
		}
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%q reads as %v, and that as %v, %v", text, r, again, err)
		}
	})
}

// No IPv6 notation of a denied IPv4 address is allowed.
func FuzzCanonicalAddress(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "8.8.8.8", "192.168.1.1"} {
		ip := netip.MustParseAddr(seed).As4()
		f.Add(ip[:], []byte{0, 0, 0, 0, 0, 1})
	}
	p := newPolicy(nil, nil, nil)
	f.Fuzz(func(t *testing.T, raw, tail []byte) {
		inner, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		rule := p.denies(inner)
		if !inner.Is4() {
			if embedded, ok := embeddedIPv4(inner); ok && p.denies(embedded) != "" && rule == "" {
				t.Errorf("%s is let through, %s is not", inner, embedded)
			}
			return
		}
		if mapped := netip.AddrFrom16(inner.As16()); p.denies(mapped) != rule {
			t.Errorf("%s: rule %q, %s: %q", inner, rule, mapped, p.denies(mapped))
		}
		v4 := inner.As4()
		var sixToFour, compatible, nat64 [16]byte
		copy(sixToFour[:], append(append([]byte{0x20, 0x02}, v4[:]...), tail...))
		copy(compatible[12:], v4[:])
		copy(nat64[:], []byte{0, 0x64, 0xff, 0x9b})
		copy(nat64[12:], v4[:])
		for _, b := range [][16]byte{sixToFour, compatible, nat64} {
			carrier := netip.AddrFrom16(b)
			if embedded, ok := embeddedIPv4(carrier); !ok || embedded != inner || p.denies(carrier) == "" {
				t.Errorf("%s carries %s: read as %s, rule %q", carrier, inner, embedded, p.denies(carrier))
			}
		}
	})
}

// Whatever comes on a stream, it is read as frames of the right length, or the stream ends.
func FuzzStream(f *testing.F) {
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw
	channel := []byte{0x40, 0, 0, 1, 'x', 0, 0, 0}
	f.Add(binding)
	f.Add(bytes.Join([][]byte{binding, channel, binding}, nil))
	f.Add(append(bytes.Clone(binding), 0x40, 0, 0xff, 0xff))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{0x16, 3, 1, 0, 0xff})
	path := newPath(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = client.Write(data)
			client.Close()
		}()
		s := newStream(server, path.NewStream(), streamTimeouts{first: handshakeTimeout, idle: handshakeTimeout, write: handshakeTimeout})
		total := 0
		for {
			frame, err := s.nextFrame()
			if err != nil {
				break
			}
			length, padding, ok := wire.FrameLength([4]byte(frame))
			if !ok || len(frame) != length || padding > 3 || (length+padding)%4 != 0 {
				t.Errorf("frame of %d bytes, header says %d (+ %d), %v", len(frame), length, padding, ok)
			}
			if !bytes.Equal(frame, data[total:total+length]) {
				t.Error("a frame is not what was sent")
			}
			if total == 0 && !stun.IsMessage(frame) {
				t.Error("the first frame is no STUN message")
			}
			total += length + padding
		}
		if total > len(data) {
			t.Errorf("%d bytes of frames out of %d", total, len(data))
		}
	})
}

// Whatever is sent, the guard gives pion only what it has signed itself, and a response to an
// unauthenticated client is at most four times as long as the request.
func FuzzGuard(f *testing.F) {
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw, false)
	f.Add(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)).Raw, false)
	transport := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	for _, setters := range [][]stun.Setter{
		{stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport, stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 2, 88}}},
		{stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport, stun.RawAttribute{Type: stun.AttrEvenPort, Value: []byte{0x80}}},
		{stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport, stun.RawAttribute{Type: stun.AttrReservationToken, Value: []byte("reserved")}},
		{stun.NewType(stun.MethodRefresh, stun.ClassRequest), stun.RawAttribute{Type: stun.AttrRequestedAddressFamily, Value: []byte{2, 0, 0, 0}}},
		{
			stun.NewType(stun.MethodChannelBind, stun.ClassRequest),
			stun.RawAttribute{Type: stun.AttrChannelNumber, Value: []byte{0x40, 0, 0, 0}},
			stun.RawAttribute{Type: stun.AttrXORPeerAddress, Value: []byte{0, 1, 0, 9, 0x29, 0x1a, 0xac, 0x4a}},
		},
	} {
		f.Add(stun.MustBuild(append([]stun.Setter{stun.TransactionID}, setters...)...).Raw, true)
	}
	client := netip.MustParseAddrPort("8.8.8.8:9")
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		sent := &sentPackets{}
		e := guardedEndpoint(t, sent)
		if m, err := wire.Parse(data); err == nil && sign {
			data = e.signedFor(m, client)
		}
		rebuilt := e.guard(data, client, netip.Addr{})
		for _, answer := range sent.packets {
			m, err := wire.Parse(answer)
			if err != nil || m.Type().Class() < wire.Success {
				t.Fatalf("answered % x", answer)
			}
			if !m.HasIntegrity() && len(answer) > maxGain*len(data) {
				t.Errorf("%d bytes are answered with %d", len(data), len(answer))
			}
		}
		if rebuilt == nil {
			return
		}
		m, err := wire.Parse(rebuilt)
		if err != nil || !m.CheckIntegrity(e.control.key[:]) || len(rebuilt) >= pionMTU || len(sent.packets) > 0 {
			t.Fatalf("pion is given % x", rebuilt)
		}
		q := &e.request
		if q.user == "" || q.lifetime > MaxLifetime || q.channel != 0 && !wire.IsChannelNumber(q.channel) {
			t.Errorf("request %+v", q)
		}
		if q.method == wire.Allocate && q.lifetime < e.server.minLifetime {
			t.Errorf("lifetime %s", q.lifetime)
		}
	})
}
