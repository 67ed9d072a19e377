package turnserver

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"callbox/internal/netaddr"
	"callbox/turnserver/limit"
)

// The reasons why a new allocation is refused.
var (
	errUserQuota    = errors.New("allocation quota of the user reached")
	errAddressQuota = errors.New("allocation quota of the client address reached")
	errAddressPace  = errors.New("many relays of the client address, one of the user a moment ago")
	errTotalQuota   = errors.New("allocation quota of the server reached")
	errDraining     = errors.New("the server is draining")
)

// allocationState is the state of an allocation. pion may end one while it is still being made.
type allocationState int

const (
	allocationOpen allocationState = iota
	allocationLive
	allocationEnded
)

// registry has the allocations of the whole server. An allocation counts in the quotas from
// reserve on, before it is made, and can be found by address while it is live.
type registry struct {
	limits *Limits

	mu        sync.RWMutex
	open      int
	displaced int // open allocations that end to make room for others
	users     map[account]*user
	left      []departure        // oldest first
	clients   map[netip.Addr]int // open allocations by client address
	byRelayed map[netip.AddrPort]*allocation
	liveAt    map[netip.Addr]int
	drained   chan struct{} // closed when none is open; nil = not draining

	created        uint64
	ended, refused map[string]uint64 // by reason
}

// user has open allocations, or had some a moment ago.
type user struct {
	open      int
	live      map[*allocation]struct{}
	rateLimit *limit.Bucket
	left      time.Time // when open became 0
	since     time.Time // of its latest allocation; zero once one has ended since
}

// maxLeft bounds how many users without allocations are remembered.
const maxLeft = 1 << 14

// departure is the end of a user's last allocation.
type departure struct {
	account account
	user    *user
	at      time.Time
}

func newRegistry(limits *Limits) *registry {
	return &registry{
		limits: limits, users: map[account]*user{}, clients: map[netip.Addr]int{}, liveAt: map[netip.Addr]int{},
		byRelayed: map[netip.AddrPort]*allocation{},
		ended:     map[string]uint64{}, refused: map[string]uint64{},
	}
}

// reserve counts n allocations in the quotas, each until cancel or remove. free is how many ports
// are not in use. It returns the rate limit of the allocation, and the allocations that make room
// for it, which the caller must end.
func (g *registry) reserve(a account, client netip.Addr, n, free int) (rateLimit *limit.Bucket, victims []*allocation, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	client = netaddr.Client(client)
	now, held := time.Now(), g.clients[client]
	g.forget(now)
	u := g.users[a]
	if reason, err := g.refusalLocked(a, held, n, free, now); err != nil {
		g.refused[reason]++
		return nil, nil, err
	}
	if missing := g.open - g.displaced + n - g.limits.TotalAllocations; g.limits.TotalAllocations > 0 && missing > 0 {
		if a.check == nil { // a check displaces nobody
			victims = g.victimsLocked(client, missing, now)
		}
		if len(victims) < missing {
			g.refused["total_quota"]++
			return nil, nil, errTotalQuota
		}
		for _, victim := range victims {
			victim.displaced = true
		}
		g.displaced += missing
	}
	if u == nil {
		u = &user{live: map[*allocation]struct{}{}}
		switch {
		case a.check != nil:
			u.rateLimit = a.check.rateLimit
		case !a.shared():
			u.rateLimit = g.limits.userBucket()
		}
		g.users[a] = u
	}
	g.open += n
	g.clients[client] += n
	u.open += n
	u.since = now
	if a.check != nil {
		a.check.made += n
	}
	if a.shared() {
		return g.limits.userBucket(), victims, nil
	}
	return u.rateLimit, victims, nil
}

// refusalLocked returns why an account at an address that has held allocations may not have n more, or nil. The
// total of the server is not considered. It must be called with mu held.
func (g *registry) refusalLocked(a account, held, n, free int, now time.Time) (reason string, err error) {
	u := g.users[a]
	switch {
	case g.drained != nil:
		return "draining", errDraining
	case a.check != nil && g.limits.checkFull(a.check.made, n), u != nil && g.limits.full(a, u.open+n-1):
		return "user_quota", errUserQuota
	case g.limits.addressFull(held, n, free):
		return "address_quota", errAddressQuota
	case u != nil && u.open > 0 && !a.shared() && now.Sub(u.since) < pace && g.limits.paced(held):
		return "address_quota", errAddressPace
	default:
		return "", nil
	}
}

// cancel takes an allocation out of the quotas that reserve has counted, and that was not made.
func (g *registry) cancel(a account, client netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(a, client)
}

// giveBack must be called with mu held.
func (g *registry) giveBack(a account, client netip.Addr) {
	client = netaddr.Client(client)
	if g.clients[client]--; g.clients[client] <= 0 {
		delete(g.clients, client)
	}
	u := g.users[a]
	u.since = time.Time{}
	if u.open--; u.open == 0 {
		u.left = time.Now()
		g.left = append(g.left, departure{a, u, u.left})
		g.forget(u.left)
	}
	if g.open--; g.open == 0 && g.drained != nil {
		close(g.drained)
	}
}

// forget removes the users without allocations whose rate limit is full again, so that a new one
// would be the same. It must be called with mu held.
func (g *registry) forget(now time.Time) {
	for len(g.left) > 0 {
		first := g.left[0]
		if first.user.rateLimit != nil && len(g.left) <= maxLeft && now.Sub(first.at) < g.limits.userRefill() {
			return
		}
		g.left[0] = departure{}
		g.left = g.left[1:]
		if first.user.open == 0 && first.user.left.Equal(first.at) && g.users[first.account] == first.user {
			delete(g.users, first.account)
		}
	}
}

// drain refuses new allocations from now on. The channel is closed as soon as none is open.
func (g *registry) drain() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drained == nil {
		g.drained = make(chan struct{})
		if g.open == 0 {
			close(g.drained)
		}
	}
	return g.drained
}

// add makes an allocation live. It returns false when it has ended already.
func (g *registry) add(a *allocation) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.state == allocationEnded {
		return false
	}
	a.state = allocationLive
	g.created++
	g.users[a.account()].live[a] = struct{}{}
	g.byRelayed[a.relayed] = a
	g.liveAt[a.relayed.Addr()]++
	return true
}

// remove ends an allocation. It returns whether it was live, and why it ended then.
func (g *registry) remove(a *allocation) (reason string, wasLive bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wasLive = a.state == allocationLive; wasLive {
		reason = a.endReason()
		g.ended[reason]++
		delete(g.users[a.account()].live, a)
		delete(g.byRelayed, a.relayed)
		if g.liveAt[a.relayed.Addr()]--; g.liveAt[a.relayed.Addr()] <= 0 {
			delete(g.liveAt, a.relayed.Addr())
		}
	}
	a.state = allocationEnded
	if a.displaced {
		g.displaced--
	}
	g.giveBack(a.account(), a.client.Addr())
	return reason, wasLive
}

// allocationsOf returns the live allocations of all users of a name, of every kind.
func (g *registry) allocationsOf(name string) []*allocation {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var live []*allocation
	for _, kind := range []accountKind{timed, nameless, fixed} {
		if u := g.users[account{name: name, kind: kind}]; u != nil {
			live = slices.AppendSeq(live, maps.Keys(u.live))
		}
	}
	if isCheck(name) { // only an operator asks for one
		for _, a := range g.byRelayed {
			if a.check != nil && a.user == name {
				live = append(live, a)
			}
		}
	}
	return live
}

// orphans returns the live allocations whose fixed user is gone.
func (g *registry) orphans() []*allocation {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var orphans []*allocation
	for _, a := range g.byRelayed {
		if !a.hasUser() {
			orphans = append(orphans, a)
		}
	}
	return orphans
}

// at returns the live allocation with that relayed transport address, or nil.
func (g *registry) at(addr netip.AddrPort) *allocation {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byRelayed[addr]
}

// hasAt reports whether a live allocation has a relayed transport address with that IP address.
func (g *registry) hasAt(addr netip.Addr) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.liveAt[addr] > 0
}
