package budget

import (
	"net/netip"
	"sync"

	"callbox/internal/netaddr"
)

// shareOfFree is the part of what is free that one address may hold: a
// sixteenth.
const shareOfFree = 16

// Memory counts bytes against a budget, in all and by client address. The zero
// value and nil have no limit and count nothing. It is safe for concurrent use.
type Memory struct {
	total int64 // static after construction; 0 = no limit

	mu      sync.Mutex // guards the following
	used    int64
	peak    int64
	refused uint64
	shares  map[netip.Addr]int64 // of addresses that hold something
}

// New returns a budget of total bytes; 0 = no limit. A negative total panics.
func New(total int64) *Memory {
	if total < 0 {
		panic("budget: negative total")
	}
	return &Memory{total: total, shares: make(map[netip.Addr]int64)}
}

// Take counts n bytes that are about to be held for the client at addr, an IPv6
// address with its /64. It reports whether they may be: when it returns false,
// nothing is counted and the client is to be refused. Otherwise [Memory.Give]
// must follow once the bytes are free, with the same address and in all the
// same n. n must not be negative.
func (m *Memory) Take(addr netip.Addr, n int) bool {
	if m == nil || m.total == 0 || n == 0 {
		return true
	}
	client := netaddr.Client(addr)
	size := int64(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	share := m.shares[client]
	// The share is compared with what would be left free afterwards.
	if free := m.total - m.used - size; free < 0 || share+size > free/shareOfFree {
		m.refused++
		return false
	}
	m.used += size
	m.peak = max(m.peak, m.used)
	m.shares[client] = share + size
	return true
}

// Give returns n bytes that Take granted to addr. What the address does not
// hold is not given back.
func (m *Memory) Give(addr netip.Addr, n int) {
	if m == nil || m.total == 0 || n == 0 {
		return
	}
	client := netaddr.Client(addr)
	size := int64(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	share := m.shares[client]
	size = min(size, share)
	m.used -= size
	if share == size {
		delete(m.shares, client)
	} else {
		m.shares[client] = share - size
	}
}

// Snapshot is what a [Memory] has counted.
type Snapshot struct {
	Total     int64  // bytes; 0 = no limit
	Used      int64  // bytes held now
	Peak      int64  // most that was ever held
	Addresses int    // that hold something now
	Refused   uint64 // calls of Take that were refused
}

// Snapshot returns the counters as they are now.
func (m *Memory) Snapshot() Snapshot {
	if m == nil {
		return Snapshot{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return Snapshot{Total: m.total, Used: m.used, Peak: m.peak, Addresses: len(m.shares), Refused: m.refused}
}
