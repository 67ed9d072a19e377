package signaling

import (
	"net/netip"
	"sync"
	"time"

	"callbox/internal/netaddr"
)

// rate is a limit on how often something may happen: perSecond on average,
// burst at once. The zero value limits nothing.
type rate struct {
	interval time.Duration // between two, on average
	slack    time.Duration // how far ahead of the average one may be
}

func newRate(perSecond, burst int) rate {
	if perSecond <= 0 {
		return rate{}
	}
	interval := time.Second / time.Duration(perSecond)
	return rate{interval: interval, slack: interval * time.Duration(max(burst, 1)-1)}
}

// bucket counts against a rate (the generic cell rate algorithm, ITU-T I.371:
// one time stamp does for tokens and their refilling). Times are since the
// server's start.
type bucket struct {
	due time.Duration // when the next one is due at the average rate
}

// wait returns how long to wait until one may be taken.
func (b *bucket) wait(r rate, now time.Duration) time.Duration {
	if r.interval == 0 {
		return 0
	}
	return max(b.due-now-r.slack, 0)
}

// take counts one at now. When that is too early it counts nothing and returns
// how long to wait.
func (b *bucket) charge(r rate, now time.Duration) time.Duration {
	if wait := b.wait(r, now); wait > 0 {
		return wait
	}
	b.due = max(b.due, now) + r.interval
	return 0
}

// full tells whether b is as good as new.
func (b *bucket) isFull(now time.Duration) bool { return b.due <= now }

// failures is how many refused tokens an address may show: ten, of which one
// is forgiven every three minutes.
func failures() rate {
	const interval, burst = 3 * time.Minute, 10
	return rate{interval: interval, slack: interval * (burst - 1)}
}

// maxAddresses is how many addresses are remembered, apart from those that
// have connections.
const maxAddresses = 1 << 16

// addresses counts what each client address does. It forgets an address that
// has no connection, once its joins are as good as never made.
type addresses struct {
	connections int // limit; 0 = none
	joins       rate

	mu    sync.Mutex // guards the following
	table map[netip.Addr]*address
}

type address struct {
	connections int
	seats       int // those of broken connections included
	joins       bucket
	failures    bucket
	reports     bucket
}

// idle tells whether a needs no remembering.
func (a *address) isForgettable(now time.Duration) bool {
	return a.connections == 0 && a.seats == 0 && a.joins.isFull(now) && a.failures.isFull(now) && a.reports.isFull(now)
}

func newAddresses(connections int, joins rate) *addresses {
	return &addresses{connections: connections, joins: joins, table: make(map[netip.Addr]*address)}
}

// connect counts a connection from addr, and tells whether it may be made.
// disconnect must follow when it may.
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

// seat counts a seat of addr, and reports whether it may have it. exempt = it
// has it in any case. unseat must follow when it may.
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

// join counts a join from addr; it returns how long to wait when it is one
// too many.
func (t *addresses) addJoin(addr netip.Addr, now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entryLocked(netaddr.Client(addr)).joins.charge(t.joins, now)
}

// fail counts a refused token from addr; it returns how long to wait when it
// is one too many.
func (t *addresses) addFailure(addr netip.Addr, now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entryLocked(netaddr.Client(addr)).failures.charge(failures(), now)
}

// report counts a report from addr; it returns how long to wait when it is one
// too many to be passed on: of 200 at once, and 5 a second.
func (t *addresses) addReport(addr netip.Addr, now time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entryLocked(netaddr.Client(addr)).reports.charge(newRate(5, 200), now)
}

// sweep forgets what needs no remembering.
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

// evictLocked makes room for an address at the cost of a random one without
// connections. It looks at a few only: those with connections are bounded by
// what the machine holds.
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
