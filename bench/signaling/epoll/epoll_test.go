//go:build linux

package epoll

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFrames(t *testing.T) {
	for _, length := range []int{0, 1, 125, 126, 1200, 1<<16 - 1, 1 << 16, 1 << 20} {
		payload := []byte(strings.Repeat("callbox ", length/8+1)[:length])
		frame := AppendMasked(nil, Text, payload)
		h, ok := ParseHeader(frame)
		if !ok || h.Opcode != Text || !h.Masked || h.Length != length || h.Size+h.Length != len(frame) {
			t.Fatalf("a masked frame of %d bytes has the header %+v, %v", length, h, ok)
		}
		if length > 0 && bytes.Equal(frame[h.Size:], payload) {
			t.Errorf("%d bytes are not masked", length)
		}
		Unmask(frame[h.Size:], h.Mask)
		if !bytes.Equal(frame[h.Size:], payload) {
			t.Errorf("%d bytes are not the same after the mask", length)
		}
		for cut := range h.Size {
			if _, ok := ParseHeader(frame[:cut]); ok {
				t.Errorf("%d bytes of a header of %d are taken for the whole header", cut, h.Size)
			}
		}
		plain := AppendHeader(nil, Close, length)
		if h, ok := ParseHeader(plain); !ok || h.Opcode != Close || h.Masked || h.Length != length || h.Size != len(plain) {
			t.Errorf("a frame of %d bytes has the header %+v, %v", length, h, ok)
		}
	}
}

func closeAfter(t *testing.T, fd int) {
	t.Helper()
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
}

func TestSockets(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	listener, at, err := Listen(netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, listener)
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	client, err := Connect(netip.MustParseAddr("127.0.0.7"), at, 4096)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, client)
	if err := errors.Join(p.Add(listener, false), p.Add(client, true)); err != nil {
		t.Fatal(err)
	}
	ready := make(map[int]bool)
	for !ready[listener] || !ready[client] {
		events, err := p.Wait(10_000)
		if err != nil || len(events) == 0 {
			t.Fatalf("nothing is ready: %v", err)
		}
		for _, e := range events {
			ready[int(e.Fd)] = true
		}
	}
	if err := Fault(client); err != nil {
		t.Fatal(err)
	}
	server, err := Accept(listener)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, server)
	if _, err := Accept(listener); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("without a connection, Accept returns %v", err)
	}
	peer, err := unix.Getpeername(server)
	if v4, ok := peer.(*unix.SockaddrInet4); err != nil || !ok || v4.Addr != [4]byte{127, 0, 0, 7} {
		t.Errorf("the client comes from %v, %v", peer, err)
	}
}
