package budget_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"callbox/internal/budget"
)

func client(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }

// fill takes chunks for addr until they are refused and returns their sum.
func fill(m *budget.Memory, addr netip.Addr) (held int) {
	const chunk = 1 << 10
	for m.Take(addr, chunk) {
		held += chunk
	}
	return held
}

func TestOneAddressGetsASeventeenth(t *testing.T) {
	const total = 100 << 20
	m := budget.New(total)
	held := fill(m, client(1))
	if most := total / 17; held > most || held < most*9/10 {
		t.Errorf("one address holds %d of %d bytes, want nearly a seventeenth", held, total)
	}
	if m.Take(client(1), 1<<20) {
		t.Error("an address that holds its share took more")
	}
	m.Give(client(1), held)
	if s := m.Snapshot(); s.Used != 0 || s.Addresses != 0 || s.Refused == 0 || s.Peak != int64(held) {
		t.Errorf("snapshot after all was given back: %+v", s)
	}
}

// TestNewcomersAreServedBesideAttackers lets twenty addresses take all that
// they can get.
func TestNewcomersAreServedBesideAttackers(t *testing.T) {
	const total, attackers = 256 << 20, 20
	m := budget.New(total)
	for range 50 { // those who are refused try again
		for i := range attackers {
			fill(m, client(i))
		}
	}
	if free := total - m.Snapshot().Used; free < total/4 {
		t.Errorf("%d of %d bytes are free, want a quarter at least", free, total)
	}
	if held := fill(m, client(200)); held < total/70 {
		t.Errorf("a newcomer got %d bytes, want %d at least", held, total/70)
	}
}

func TestAnAddressIsItsNetwork(t *testing.T) {
	m := budget.New(1 << 20)
	if fill(m, netip.MustParseAddr("2001:db8::1")) == 0 {
		t.Fatal("nothing was granted")
	}
	if m.Take(netip.MustParseAddr("2001:db8::2"), 1<<10) {
		t.Error("another address of the same /64 got a share of its own")
	}
	if !m.Take(netip.MustParseAddr("2001:db8:0:1::1"), 1<<10) {
		t.Error("another /64 got nothing")
	}
}

func TestWithoutALimit(t *testing.T) {
	for _, m := range []*budget.Memory{nil, budget.New(0), new(budget.Memory)} {
		if !m.Take(client(1), 1<<40) {
			t.Error("a budget without a limit refused")
		}
		m.Give(client(1), 1<<40)
		if s := m.Snapshot(); s.Used != 0 || s.Total != 0 {
			t.Errorf("snapshot = %+v", s)
		}
	}
}

func TestGivenBackTwice(t *testing.T) {
	m := budget.New(1 << 20)
	m.Take(client(1), 1000)
	m.Take(client(2), 1000)
	m.Give(client(1), 1000)
	m.Give(client(1), 1000)
	if s := m.Snapshot(); s.Used != 1000 {
		t.Errorf("%d bytes are held, want those of the other address", s.Used)
	}
}

func TestManyAtOnce(t *testing.T) {
	m := budget.New(1 << 20)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for range 1000 {
				if m.Take(client(i%3), 4096) {
					m.Give(client(i%3), 4096)
				}
			}
		})
	}
	work.Wait()
	if s := m.Snapshot(); s.Used != 0 || s.Addresses != 0 {
		t.Errorf("snapshot = %+v, want nothing held", s)
	}
}

func Example() {
	memory := budget.New(64 << 20)
	addr := netip.MustParseAddr("192.0.2.7")
	message := make([]byte, 8<<10)
	if !memory.Take(addr, len(message)) {
		fmt.Println("refused in words")
		return
	}
	fmt.Println(memory.Snapshot().Used)
	memory.Give(addr, len(message))
	// Output: 8192
}
