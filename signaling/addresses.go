package signaling

import (
	"net/netip"
	"sync"
	"time"

	"callbox/internal/netaddr"
)

// failures is the rate of refused tokens that an address may show: ten, and one
// more every three minutes.
func failures() rate {
	const interval, burst = 3 * time.Minute, 10
	return rate{interval: interval, slack: interval * (burst - 1)}
}

// maxAddresses is how many addresses are remembered, in addition to those that
// have connections.
const maxAddresses = 1 << 16

// addresses counts what each client address does. It forgets an address that has
// neither connections nor seats, once its buckets are full again.
type addresses struct {
	connections int // limit; 0 = none
	joins       rate

	mu    sync.Mutex // guards the following
	table map[netip.Addr]*address
}

type address struct {
	connections int
	seats       int // including those of broken connections
	joins       bucket
	failures    bucket
	reports     bucket
}

// isForgettable reports whether a differs in nothing from a new address.
func (a *address) isForgettable(now time.Duration) bool {
	return a.connections == 0 && a.seats == 0 && a.joins.isFull(now) && a.failures.isFull(now) && a.reports.isFull(now)
}

func newAddresses(connections int, joins rate) *addresses {
	return &addresses{connections: connections, joins: joins, table: make(map[netip.Addr]*address)}
}

// addConnection counts a connection from addr, and reports whether there may be
// one more. If so, removeConnection must follow.
func (t *addresses) addConnection(addr netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.entryLocked(netaddr.Client(addr))
	if t.connections > 0 && a.connections >= t.connections {
		return false
	}
	a.connections++
	return true
}

func (t *addresses) removeConnection(addr netip.Addr, now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	client := netaddr.Client(addr)
	a := t.entryLocked(client)
	a.connections--
	if a.isForgettable(now) {
		delete(t.table, client)
	}
}

// addSeat counts a seat of addr, and reports whether it may have one more.
// exempt = it may have it in any case. If so, removeSeat must follow.
func (t *addresses) addSeat(addr netip.Addr, exempt bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.entryLocked(netaddr.Client(addr))
	if t.connections > 0 && a.seats >= t.connections && !exempt {
		return false
	}
	a.seats++
	return true
}

func (t *addresses) removeSeat(addr netip.Addr, now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	client := netaddr.Client(addr)
	a := t.entryLocked(client)
	a.seats--
	if a.isForgettable(now) {
		delete(t.table, client)
	}
}

// addJoin counts a join from addr; when it is one too many, addJoin returns how
// long to wait.
func (t *addresses) addJoin(addr netip.Addr, now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entryLocked(netaddr.Client(addr)).joins.charge(t.joins, now)
}

// addFailure counts a refused token from addr; when it is one too many,
// addFailure returns how long to wait.
func (t *addresses) addFailure(addr netip.Addr, now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entryLocked(netaddr.Client(addr)).failures.charge(failures(), now)
}

// addReport counts a report from addr. When it is one too many to be passed on
// (200 at once, then 5 a second), addReport returns how long to wait.
func (t *addresses) addReport(addr netip.Addr, now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entryLocked(netaddr.Client(addr)).reports.charge(newRate(5, 200), now)
}

// sweep removes the addresses that are forgettable.
func (t *addresses) sweep(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for client, a := range t.table {
		if a.isForgettable(now) {
			delete(t.table, client)
		}
	}
}

func (t *addresses) entryLocked(client netip.Addr) *address {
	if a := t.table[client]; a != nil {
		return a
	}
	if len(t.table) >= maxAddresses {
		t.evictLocked()
	}
	a := new(address)
	t.table[client] = a
	return a
}

// evictLocked removes a random address without connections or seats, to make
// room for another one. It examines only a few: the number of addresses with
// connections is bounded by what the machine can hold.
func (t *addresses) evictLocked() {
	tries := 16
	for client, a := range t.table {
		if a.connections == 0 && a.seats == 0 {
			delete(t.table, client)
			return
		}
		if tries--; tries == 0 {
			return
		}
	}
}
