package limit_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"callbox/turnserver/limit"
)

// answers returns how many of the tries of an address are answered.
func answers(s *limit.Sources, now int64, addr string, tries int) (given int) {
	for range tries {
		if s.Take(now, netip.MustParseAddr(addr)) {
			given++
		}
	}
	return given
}

func TestSources(t *testing.T) {
	s := limit.NewSources(10, 20)
	for _, test := range []struct {
		name string
		at   int64
		addr string
		want int
	}{
		{"burst", 0, "192.0.2.1", 20},
		{"the same in IPv6", 0, "::ffff:192.0.2.1", 0},
		{"another", 0, "192.0.2.2", 20},
		{"after 100 ms", second / 10, "192.0.2.1", 1},
		{"after a second more", second/10 + second, "192.0.2.1", 10},
		{"after long", 100 * second, "192.0.2.1", 20},
		{"IPv6", 100 * second, "2001:db8:1:2::1", 20},
		{"another of the same /64", 100 * second, "2001:db8:1:2:ffff::1", 0},
		{"with a zone", 100 * second, "2001:db8:1:2::3%eth0", 0},
		{"another /64", 100 * second, "2001:db8:1:3::1", 20},
	} {
		if got := answers(s, test.at, test.addr, 50); got != test.want {
			t.Errorf("%s: %d answers, want %d", test.name, got, test.want)
		}
	}
	if got := s.Refused(); got != 10*50-111 {
		t.Errorf("%d refused, want %d", got, 10*50-111)
	}
	if got := answers(limit.NewSources(1, 0), 0, "192.0.2.1", 5); got != 1 {
		t.Errorf("without a burst: %d answers, want 1", got)
	}
	for _, rate := range []int{0, -1} {
		if s := limit.NewSources(rate, 0); s != nil || answers(s, 0, "192.0.2.1", 50) != 50 || s.Refused() != 0 {
			t.Errorf("rate %d limits", rate)
		}
	}
}

// A flood from more addresses than there are slots neither frees an address that is over its limit nor
// takes the answers of new ones.
func TestSourcesCrowded(t *testing.T) {
	s := limit.NewSources(1, 100)
	const victim = "192.0.2.1"
	if got := answers(s, 0, victim, 200); got != 100 {
		t.Fatalf("%d answers, want 100", got)
	}
	for i := range uint32(200_000) {
		addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x0a000000+i)))
		if !s.Take(0, addr) {
			t.Fatalf("address %d was not answered", i)
		}
	}
	if got := answers(s, 0, victim, 200); got != 0 {
		t.Errorf("%d answers more to the address over its limit", got)
	}
}

func TestSourcesConcurrently(t *testing.T) {
	s := limit.NewSources(10, 100)
	addr := netip.MustParseAddr("192.0.2.1")
	s.Take(0, addr) // it has its place
	var given atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if s.Take(0, addr) {
					given.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := given.Load(); got != 99 {
		t.Errorf("%d answers, want 99", got)
	}
}

func TestSourcesAllocates(t *testing.T) {
	s := limit.NewSources(10, 20)
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(1000, func() { s.Take(0, v4); s.Take(0, v6) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSources(b *testing.B) {
	s := limit.NewSources(1_000_000, 20)
	b.RunParallel(func(pb *testing.PB) {
		addr := netip.MustParseAddr("192.0.2.1")
		for now := int64(0); pb.Next(); now += 1000 {
			s.Take(now, addr)
		}
	})
}
