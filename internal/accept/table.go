package accept

import (
	"maps"
	"net/netip"
	"sync"

	"callbox/internal/budget"
	"callbox/internal/netaddr"
)

// Config is what a Table is made of. Zero values bound nothing.
type Config struct {
	All        int // connections in all
	PerAddress int // connections of one client address, an IPv6 address with its /64

	// Exempt reports whether an address is not one client's but a proxy's: its
	// connections count in all only, and do not give way to those of others.
	Exempt func(netip.Addr) bool

	// Memory is what connections that serve HTTP are charged to.
	Memory *budget.Memory

	// Before is the table whose connections give way before those of this one
	// when the process runs out of descriptors.
	Before *Table
}

// Table counts the connections of one or more listeners. It is safe for
// concurrent use.
type Table struct {
	config Config // static

	mu sync.Mutex // guards the following, and what conns and holders say it does
	// holders are the addresses that have connections; those that have some
	// that serve HTTP are also in heap, which has most of them on top.
	holders   map[netip.Addr]*holder
	heap      holderHeap
	total     int
	waiting   int
	busy      int
	refused   map[string]uint64
	displaced uint64
}

// Reasons of refusals, in Snapshot.Refused.
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

// admit counts c in, and returns the connection that has to go for it, or else
// why c is refused.
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

// victimLocked returns the connection that gives way to one of h, or nil.
func (t *Table) victimLocked(h *holder) *Conn {
	if most := t.heap.most(); most != nil && most.weight() > h.weight() {
		return most.oldest()
	}
	return h.waiting.first
}

// relieve ends a connection that serves HTTP, since the process has no
// descriptors left. It reports whether there was one.
func (t *Table) relieve() bool {
	if t.config.Before != nil && t.config.Before.relieve() {
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
	victim.endDisplaced()
	return true
}

// displaceLocked counts c out. c.endDisplaced must follow, without mu.
func (t *Table) displaceLocked(c *Conn) {
	t.displaced++
	c.displaced = make(chan struct{})
	t.removeLocked(c)
}

// remove counts c out, unless it is out already.
func (t *Table) remove(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(c)
}

func (t *Table) removeLocked(c *Conn) {
	if c.place == gone {
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

// moveLocked puts c in another place, behind those that are there, and gives
// back its memory when it serves no HTTP any more.
func (t *Table) moveLocked(c *Conn, to place) {
	h := c.holder
	switch c.place {
	case waiting:
		h.waiting.remove(c)
		t.waiting--
	case busy:
		h.busy.remove(c)
		t.busy--
	case held, gone:
	}
	c.place = to
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

// Snapshot is what a Table has counted.
type Snapshot struct {
	Waiting   int               // connections that wait for a request, or for its first byte
	Busy      int               // connections that serve requests
	Held      int               // connections that carry calls, or have yet to say what they are
	Addresses int               // that have connections
	Displaced uint64            // connections that gave way to newcomers
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
