//go:build linux

package datagram

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// open makes a socket on loopback.
func open(t *testing.T) (int, netip.AddrPort) {
	t.Helper()
	fd, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
	at, err := Bound(fd)
	if err != nil || at.Port() == 0 {
		t.Fatalf("bound at %v, %v", at, err)
	}
	return fd, at
}

// receive receives n datagrams, and splits those that are coalesced.
func receive(t *testing.T, fd, n int, from netip.AddrPort) (got [][]byte, joined bool) {
	t.Helper()
	r := NewReceiver(4, 64<<10)
	if r.Len() != 4 {
		t.Errorf("it receives %d at a time", r.Len())
	}
	sender := RawAddr(from)
	for deadline := time.Now().Add(30 * time.Second); len(got) < n; {
		count, err := r.Receive(fd, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(got), n, err)
		}
		for i := range count {
			if *r.From(i) != sender || Key(r.From(i)) != Key(&sender) {
				t.Errorf("its source is %v, not %v", r.From(i), sender)
			}
			payload, segment := r.Payload(i)
			joined = joined || segment < len(payload)
			for part := range chunks(payload, segment) {
				got = append(got, bytes.Clone(part))
			}
		}
		r.Release(count)
	}
	return got, joined
}

func chunks(b []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > size {
			if !yield(b[:size]) {
				return
			}
			b = b[size:]
		}
		yield(b)
	}
}

func TestSendReceive(t *testing.T) {
	from, fromAt := open(t)
	to, at := open(t)
	raw := RawAddr(at)
	s := NewSender(8)
	var want [][]byte
	for round := range 2 {
		for i := range 8 {
			head, body := []byte{byte(round), byte(i)}, bytes.Repeat([]byte{byte(i)}, 100*i)
			s.Begin(&raw)
			s.Append(head)
			s.Append(body)
			want = append(want, append(bytes.Clone(head), body...))
		}
		if s.Len() != 8 {
			t.Errorf("%d datagrams are collected", s.Len())
		}
		if refused, err := s.Send(from); refused != 0 || err != nil {
			t.Fatalf("%d are refused, %v", refused, err)
		}
	}
	got, _ := receive(t, to, len(want), fromAt)
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("datagram %d is %x, want %x", i, got[i], want[i])
		}
	}
}

// TestCoalesce sends a buffer that the kernel splits, to a socket for which it coalesces the
// datagrams again, and to one for which it does not.
func TestCoalesce(t *testing.T) {
	from, fromAt := open(t)
	s := NewSender(1)
	for _, coalesce := range []bool{false, true} {
		to, at := open(t)
		if coalesce {
			if err := Coalesce(to); err != nil {
				t.Fatal(err)
			}
		}
		raw := RawAddr(at)
		s.Begin(&raw)
		var want [][]byte
		for i := range 5 {
			part := bytes.Repeat([]byte{byte(i + 1)}, 300)
			if i == 4 {
				part = part[:120] // the last may be shorter
			}
			s.Append(part[:50])
			s.Append(part[50:])
			want = append(want, part)
		}
		if s.Parts() != 10 {
			t.Errorf("it has %d parts", s.Parts())
		}
		s.Split(300)
		if refused, err := s.Send(from); refused != 0 || err != nil {
			t.Fatalf("%d are refused, %v", refused, err)
		}
		got, joined := receive(t, to, len(want), fromAt)
		if joined != coalesce {
			t.Errorf("the datagrams are coalesced: %v, want %v", joined, coalesce)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("part %d is %x, want %x", i, got[i], want[i])
			}
		}
	}
}

// TestRefused checks that Send skips and reports a datagram that the kernel refuses.
func TestRefused(t *testing.T) {
	from, fromAt := open(t)
	to, at := open(t)
	raw, nowhere := RawAddr(at), RawAddr(netip.MustParseAddrPort("127.0.0.1:0"))
	s := NewSender(3)
	for i, where := range []*unix.RawSockaddrInet4{&raw, &nowhere, &raw} {
		s.Begin(where)
		s.Append([]byte{byte(i)})
	}
	if refused, err := s.Send(from); refused != 1 || !errors.Is(err, unix.EINVAL) {
		t.Errorf("%d are refused, %v", refused, err)
	}
	if got, _ := receive(t, to, 2, fromAt); got[0][0] != 0 || got[1][0] != 2 {
		t.Errorf("received %v", got)
	}
}

func TestKey(t *testing.T) {
	raw := RawAddr(netip.MustParseAddrPort("1.2.3.4:5"))
	if got := Key(&raw); got != 0x01020304_0005 {
		t.Errorf("the key is %x", got)
	}
}
