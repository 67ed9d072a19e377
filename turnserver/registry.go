package turnserver

import (
	"errors"
	"net/netip"
	"sync"
)

var errQuota = errors.New("allocation quota reached")

// relayState is how far a relay has come. pion may end an allocation while it is
// still being made.
type relayState int

const (
	relayOpen relayState = iota
	relayLive
	relayEnded
)

// registry knows the relays of the whole server. A relay takes its place in the
// quotas when it is opened, and can be found by address when its allocation
// lives.
type registry struct {
	limits *Limits

	mu        sync.RWMutex
	open      int
	users     map[string]int
	byRelayed map[netip.AddrPort]*relay
	byBound   map[netip.AddrPort]*relay
	liveAt    map[netip.Addr]int

	created, ended     uint64
	toPeers, fromPeers Traffic // of the ended ones
}

func newRegistry(limits *Limits) *registry {
	return &registry{
		limits: limits, users: map[string]int{}, liveAt: map[netip.Addr]int{},
		byRelayed: map[netip.AddrPort]*relay{}, byBound: map[netip.AddrPort]*relay{},
	}
}

// reserve takes a place in the quotas, which cancel or remove gives back.
func (g *registry) reserve(user string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if reached(g.open, g.limits.TotalAllocations) || reached(g.users[user], g.limits.UserAllocations) {
		return errQuota
	}
	g.open++
	g.users[user]++
	return nil
}

func (g *registry) cancel(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(user)
}

func (g *registry) giveBack(user string) {
	g.open--
	if g.users[user]--; g.users[user] <= 0 {
		delete(g.users, user)
	}
}

// add makes a relay's allocation live, unless it has ended already.
func (g *registry) add(r *relay) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.state == relayEnded {
		return false
	}
	r.state = relayLive
	g.created++
	g.byRelayed[r.relayed] = r
	g.byBound[r.bound] = r
	g.liveAt[r.relayed.Addr()]++
	return true
}

// remove ends a relay, and says whether its allocation was live.
func (g *registry) remove(r *relay) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(r.user)
	wasLive := r.state == relayLive
	r.state = relayEnded
	if !wasLive {
		return false
	}
	g.ended++
	g.toPeers.add(r.toPeers.load())
	g.fromPeers.add(r.fromPeers.load())
	delete(g.byRelayed, r.relayed)
	delete(g.byBound, r.bound)
	if g.liveAt[r.relayed.Addr()]--; g.liveAt[r.relayed.Addr()] <= 0 {
		delete(g.liveAt, r.relayed.Addr())
	}
	return true
}

// relayedAt returns the live relay that peers know by addr, or nil.
func (g *registry) relayedAt(addr netip.AddrPort) *relay {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byRelayed[addr]
}

// boundAt returns the live relay whose socket is bound to addr, or nil.
func (g *registry) boundAt(addr netip.AddrPort) *relay {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byBound[addr]
}

// relaysAt says whether a live relay is known by this IP address.
func (g *registry) relaysAt(addr netip.Addr) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.liveAt[addr] > 0
}

func (g *registry) allocations() []Allocation {
	g.mu.RLock()
	defer g.mu.RUnlock()
	live := make([]Allocation, 0, len(g.byRelayed))
	for _, r := range g.byRelayed {
		live = append(live, r.snapshot())
	}
	return live
}

func (g *registry) fill(s *Snapshot) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s.Created, s.Ended, s.Active = g.created, g.ended, len(g.byRelayed)
	s.ToPeers, s.FromPeers = g.toPeers, g.fromPeers
	for _, r := range g.byRelayed {
		s.ToPeers.add(r.toPeers.load())
		s.FromPeers.add(r.fromPeers.load())
	}
}
