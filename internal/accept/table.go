package accept

import (
	"maps"
	"net/netip"
	"sync"

	"callbox/internal/budget"
	"callbox/internal/netaddr"
)

// Config configures a Table. Zero values mean no limit.
type Config struct {
	All        int // maximum connections in all
	PerAddress int // maximum connections of one client address; an IPv6 /64 counts as one

	// Exempt reports whether an address is that of a proxy, not of one client. Its
	// connections count only towards All, and are not displaced by those of others.
	Exempt func(netip.Addr) bool

	// Memory is the budget to which connections that serve HTTP are charged.
	Memory *budget.Memory

	// Before is the table whose connections are closed before those of this table if
	// the process runs out of descriptors.
	Before *Table
}

// Table counts the connections of one or more listeners. It is safe for
// concurrent use.
type Table struct {
	config Config // static

	mu sync.Mutex // guards the following, and the fields of conns and holders that say so
	// holders contains the addresses that have connections. Those with connections that
	// serve HTTP are also in heap, the one with the most of them on top.
	holders   map[netip.Addr]*holder
	heap      holderHeap
	total     int
	waiting   int
	busy      int
	refused   map[string]uint64
	displaced uint64
}

// Reasons for refusals, in Snapshot.Refused.
const (
	refusedAll     = "all"
	refusedAddress = "address"
	refusedMemory  = "memory"
)

// New returns an empty table.
func New(config Config) *Table {
	return &Table{
		config:  config,
		holders: make(map[netip.Addr]*holder),
		refused: map[string]uint64{refusedAll: 0, refusedAddress: 0, refusedMemory: 0},
	}
}

// admit adds c to the table, and returns the connection that it displaces, which the
// caller must close. If reason is not empty, c is refused.
func (t *Table) admit(c *Conn) (victim *Conn, reason string) {
	addr := netaddr.AddrPort(c.RemoteAddr()).Addr()
	exempt := t.config.Exempt != nil && t.config.Exempt(addr)
	client := netaddr.Client(addr)
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.holders[client]
	if h == nil {
		h = &holder{client: client, index: -1}
		t.holders[client] = h
	}
	h.exempt = exempt
	switch {
	case t.config.PerAddress > 0 && !exempt && h.total >= t.config.PerAddress:
		victim, reason = h.waiting.first, refusedAddress
	case t.config.All > 0 && t.total >= t.config.All:
		victim, reason = t.victimLocked(h), refusedAll
	default:
		reason = ""
	}
	if victim == nil && reason != "" {
		t.refused[reason]++
		t.forgetLocked(h)
		return nil, reason
	}
	h.total++ // first, so that h stays when its own connection gives way
	t.total++
	c.holder = h
	if victim != nil {
		t.displaceLocked(victim)
	}
	return victim, ""
}

// victimLocked returns the connection that a new one of h displaces, or nil.
func (t *Table) victimLocked(h *holder) *Conn {
	if most := t.heap.most(); most != nil && most.weight() > h.weight() {
		return most.oldest()
	}
	return h.waiting.first
}

// freeDescriptor closes a connection that serves HTTP, because the process has no
// descriptors left. It reports whether there was one.
func (t *Table) freeDescriptor() bool {
	if t.config.Before != nil && t.config.Before.freeDescriptor() {
		return true
	}
	t.mu.Lock()
	var victim *Conn
	if most := t.heap.most(); most != nil {
		victim = most.oldest()
		t.displaceLocked(victim)
	}
	t.mu.Unlock()
	if victim == nil {
		return false
	}
	victim.closeDisplaced()
	return true
}

// displaceLocked removes c from the table. The caller must then call c.closeDisplaced,
// without holding mu.
func (t *Table) displaceLocked(c *Conn) {
	t.displaced++
	c.displaced = make(chan struct{})
	t.removeLocked(c)
}

// remove removes c from the table, if it is still in it.
func (t *Table) remove(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(c)
}

func (t *Table) removeLocked(c *Conn) {
	if c.state == gone {
		return
	}
	t.moveLocked(c, gone)
	h := c.holder
	h.total--
	t.total--
	t.forgetLocked(h)
}

func (t *Table) forgetLocked(h *holder) {
	if h.total == 0 {
		delete(t.holders, h.client)
	}
}

// moveLocked changes the state of c, puts it at the end of the queue of that state, and
// returns its memory to the budget if it no longer serves HTTP.
func (t *Table) moveLocked(c *Conn, to connState) {
	h := c.holder
	switch c.state {
	case waiting:
		h.waiting.remove(c)
		t.waiting--
	case busy:
		h.busy.remove(c)
		t.busy--
	case held, gone:
	}
	c.state = to
	switch to {
	case waiting:
		h.waiting.push(c)
		t.waiting++
	case busy:
		h.busy.push(c)
		t.busy++
	case held, gone:
		t.config.Memory.Give(h.client, c.charged)
		c.charged = 0
	}
	t.heap.fix(h)
}

// Snapshot holds the counters of a Table.
type Snapshot struct {
	Waiting   int               // connections that wait for a request, or for its first byte
	Busy      int               // connections that serve requests
	Held      int               // connections that carry calls, or whose use is not known yet
	Addresses int               // addresses that have connections
	Displaced uint64            // connections closed to make room for new ones
	Refused   map[string]uint64 // connections refused, by reason: all, address or memory
}

// Snapshot returns the counters as they are now.
func (t *Table) Snapshot() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Snapshot{
		Waiting: t.waiting, Busy: t.busy, Held: t.total - t.waiting - t.busy,
		Addresses: len(t.holders), Displaced: t.displaced, Refused: maps.Clone(t.refused),
	}
}
