package datapath

import (
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNextBatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		asked, got int
		again      bool
		want       int
	}{
		{1, 1, false, 1}, // one by one, with rests between
		{1, 1, true, 4},
		{4, 4, true, 16},
		{16, 16, true, 32},
		{32, 32, true, 32},
		{32, 32, false, 32},
		{32, 5, true, 5},
		{4, 1, true, 1},
		{4, 0, false, 1},
	} {
		if got := nextBatch(test.asked, test.got, test.again); got != test.want {
			t.Errorf("asked %d, got %d, again %t: %d, want %d", test.asked, test.got, test.again, got, test.want)
		}
	}
}

func TestRunTakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		run    gsoBatch
		length int
		most   int
		want   bool
	}{
		{"as long", gsoBatch{segment: 1000, count: 1, bytes: 1000}, 1000, maxGSOSegment, true},
		{"shorter, the last", gsoBatch{segment: 1000, count: 3, bytes: 3000}, 1, maxGSOSegment, true},
		{"longer", gsoBatch{segment: 1000, count: 1, bytes: 1000}, 1001, maxGSOSegment, false},
		{"empty", gsoBatch{segment: 1000, count: 1, bytes: 1000}, 0, maxGSOSegment, false},
		{"after the last", gsoBatch{segment: 1000, count: 2, bytes: 1500, ended: true}, 1000, maxGSOSegment, false},
		{"too many", gsoBatch{segment: 10, count: 64, bytes: 640}, 10, maxGSOSegment, false},
		{"too much", gsoBatch{segment: 1400, count: 46, bytes: 64400}, 1400, maxGSOSegment, false},
		{"for fragments", gsoBatch{segment: 2000, count: 1, bytes: 2000}, 2000, maxGSOSegment, false},
		{"where nothing is split", gsoBatch{segment: 1000, count: 1, bytes: 1000}, 1000, 0, false},
	} {
		if got := test.run.fits(test.length, test.most); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

func TestDoubt(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{unix.EIO, unix.ENOPROTOOPT, unix.EOPNOTSUPP} {
		s := &sender{maxSegment: maxGSOSegment}
		if !s.cannotSplit(errno, 1000) || s.maxSegment != 0 {
			t.Errorf("%s: is tried again", errno)
		}
	}
	s := &sender{maxSegment: maxGSOSegment}
	for range 2 * maxRefused { // of lengths that not every way takes
		if !s.cannotSplit(unix.EINVAL, 1400) || !s.cannotSplit(unix.EMSGSIZE, 1000) {
			t.Error("not sent one by one")
		}
	}
	for i := range maxRefused {
		if s.maxSegment == 0 {
			t.Fatalf("given up after %d", i)
		}
		s.cannotSplit(unix.EINVAL, 1000)
	}
	if s.maxSegment != 0 {
		t.Error("not given up")
	}
	for _, errno := range []syscall.Errno{unix.EAGAIN, unix.ENOBUFS, unix.EPERM, unix.ENETUNREACH} {
		if s.cannotSplit(errno, 1000) {
			t.Errorf("%s: sent again", errno)
		}
	}
}

// Addresses stay the same when they are encoded and decoded.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, only6 := range map[string]bool{"192.0.2.1:9": false, "[2001:db8::1]:65535": true, "[fe80::1%3]:1": true, "0.0.0.0:0": false} {
		addr := netip.MustParseAddrPort(text)
		six := encode(addr, true)
		if got := decode(&six.raw); got != addr || six.rawLen != unix.SizeofSockaddrInet6 {
			t.Errorf("%s became %s", addr, got)
		}
		four := encode(addr, false)
		if only6 {
			if four.rawLen != 0 {
				t.Errorf("%s can be sent to from IPv4", addr)
			}
		} else if got := decode(&four.raw); got != addr || four.rawLen != unix.SizeofSockaddrInet4 {
			t.Errorf("%s became %s", addr, got)
		}
	}
}
