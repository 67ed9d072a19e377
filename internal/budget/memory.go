package budget

import (
	"net/netip"
	"sync"

	"callbox/internal/netaddr"
)

// shareOfFree: one address may hold a sixteenth of what is free.
const shareOfFree = 16

// Memory counts bytes against a budget, in all and by client address. The zero value
// and nil have no limit and count nothing. Its methods are safe for concurrent use.
type Memory struct {
	total int64 // static after construction; 0 = no limit

	mu      sync.Mutex // guards the following
	used    int64
	peak    int64
	refused uint64
	shares  map[netip.Addr]int64 // bytes by address, without those that hold none
}

// New returns a budget of total bytes; 0 = no limit. It panics if total is negative.
func New(total int64) *Memory {
	if total < 0 {
		panic("budget: negative total")
	}
	return &Memory{total: total, shares: make(map[netip.Addr]int64)}
}

// Take reserves n bytes for the client at addr; an IPv6 /64 counts as one address. If it
// returns false, nothing is reserved, and the caller must refuse the client. Otherwise
// the caller must return the bytes with [Memory.Give] when they are free, to the same
// address; the sum of several calls must be n. n must not be negative.
func (m *Memory) Take(addr netip.Addr, n int) bool {
	if m == nil || m.total == 0 || n == 0 {
		return true
	}
	client := netaddr.Client(addr)
	size := int64(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	share := m.shares[client]
	// The share is compared with what would be free afterwards.
	if free := m.total - m.used - size; free < 0 || share+size > free/shareOfFree {
		m.refused++
		return false
	}
	m.used += size
	m.peak = max(m.peak, m.used)
	m.shares[client] = share + size
	return true
}

// Give returns n bytes that Take reserved for addr. It returns no more than the address
// holds.
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

// Snapshot holds the counters of a [Memory].
type Snapshot struct {
	Total     int64  // bytes; 0 = no limit
	Used      int64  // bytes reserved now
	Peak      int64  // the highest Used so far, in bytes
	Addresses int    // addresses that have bytes reserved now
	Refused   uint64 // calls of Take that returned false
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
