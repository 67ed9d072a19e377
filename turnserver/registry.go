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

// Why there is no place for a new allocation.
var (
	errUserQuota    = errors.New("allocation quota of the user reached")
	errAddressQuota = errors.New("allocation quota of the client address reached")
	errAddressPace  = errors.New("many relays of the client address, one of the user a moment ago")
	errTotalQuota   = errors.New("allocation quota of the server reached")
	errDraining     = errors.New("the server is draining")
)

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
	displaced int // open relays that end to make room for others
	users     map[account]*user
	left      []departure        // oldest first
	clients   map[netip.Addr]int // open relays of client addresses
	byRelayed map[netip.AddrPort]*relay
	liveAt    map[netip.Addr]int
	drained   chan struct{} // closed when none is open; nil = new ones may come

	created        uint64
	ended, refused map[string]uint64 // by reason
}

// user is who has allocations open, or had a moment ago.
type user struct {
	open  int
	relay map[*relay]struct{} // live
	bytes *limit.Bucket
	left  time.Time // when open became 0
	since time.Time // it has got a relay; zero when it has given one back
}

// maxLeft bounds the users without allocations that are remembered.
const maxLeft = 1 << 14

// departure is that a user's last allocation has ended.
type departure struct {
	account account
	user    *user
	at      time.Time
}

func newRegistry(limits *Limits) *registry {
	return &registry{
		limits: limits, users: map[account]*user{}, clients: map[netip.Addr]int{}, liveAt: map[netip.Addr]int{},
		byRelayed: map[netip.AddrPort]*relay{},
		ended:     map[string]uint64{}, refused: map[string]uint64{},
	}
}

// reserve takes n places in the quotas, each of which cancel or remove gives
// back, where so many ports are free. It returns what bounds the bytes of the
// relay, and the relays that make room for it, which the caller has to end.
func (g *registry) reserve(a account, client netip.Addr, n, free int) (bytes *limit.Bucket, victims []*relay, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	client = netaddr.Client(client)
	now, held := time.Now(), g.clients[client]
	g.forget(now)
	u := g.users[a]
	refuse := func(reason string, err error) (*limit.Bucket, []*relay, error) {
		g.refused[reason]++
		return nil, nil, err
	}
	switch {
	case g.drained != nil:
		return refuse("draining", errDraining)
	case u != nil && g.limits.full(a, u.open+n-1):
		return refuse("user_quota", errUserQuota)
	case g.limits.addressFull(held, n, free):
		return refuse("address_quota", errAddressQuota)
	case u != nil && u.open > 0 && !a.shared() && now.Sub(u.since) < pace && g.limits.paced(held):
		return refuse("address_quota", errAddressPace)
	}
	if total := g.limits.TotalAllocations; reached(g.open-g.displaced+n-1, total) {
		missing := g.open - g.displaced + n - total
		if victims = g.victimsLocked(client, missing, now); len(victims) < missing {
			return refuse("total_quota", errTotalQuota)
		}
		for _, r := range victims {
			r.displaced = true
		}
		g.displaced += missing
	}
	if u == nil {
		u = &user{relay: map[*relay]struct{}{}}
		if !a.shared() {
			u.bytes = g.limits.userBucket()
		}
		g.users[a] = u
	}
	g.open += n
	g.clients[client] += n
	u.open += n
	u.since = now
	if a.shared() {
		return g.limits.userBucket(), victims, nil
	}
	return u.bytes, victims, nil
}

func (g *registry) cancel(a account, client netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giveBack(a, client)
}

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

// forget takes out the users whose bytes need no account any more.
func (g *registry) forget(now time.Time) {
	for len(g.left) > 0 {
		first := g.left[0]
		if first.user.bytes != nil && len(g.left) <= maxLeft && now.Sub(first.at) < g.limits.userRefill() {
			return
		}
		g.left[0] = departure{}
		g.left = g.left[1:]
		if first.user.open == 0 && first.user.left.Equal(first.at) && g.users[first.account] == first.user {
			delete(g.users, first.account)
		}
	}
}

// drain refuses new allocations from now on. The channel is closed when none is
// open any more.
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

// add makes a relay's allocation live, unless it has ended already.
func (g *registry) add(r *relay) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.state == relayEnded {
		return false
	}
	r.state = relayLive
	g.created++
	g.users[r.account()].relay[r] = struct{}{}
	g.byRelayed[r.relayed] = r
	g.liveAt[r.relayed.Addr()]++
	return true
}

// remove ends a relay, and says whether its allocation was live, and why it
// ended then.
func (g *registry) remove(r *relay) (reason string, wasLive bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wasLive = r.state == relayLive; wasLive {
		reason = r.endReason()
		g.ended[reason]++
		delete(g.users[r.account()].relay, r)
		delete(g.byRelayed, r.relayed)
		if g.liveAt[r.relayed.Addr()]--; g.liveAt[r.relayed.Addr()] <= 0 {
			delete(g.liveAt, r.relayed.Addr())
		}
	}
	r.state = relayEnded
	if r.displaced {
		g.displaced--
	}
	g.giveBack(r.account(), r.client.Addr())
	return reason, wasLive
}

// relaysOf returns the live relays of the users of a name, of every kind.
func (g *registry) relaysOf(name string) []*relay {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var relays []*relay
	for _, kind := range []accountKind{timed, nameless, fixed} {
		if u := g.users[account{name, kind}]; u != nil {
			relays = slices.AppendSeq(relays, maps.Keys(u.relay))
		}
	}
	return relays
}

// orphans returns the live relays whose fixed user is gone.
func (g *registry) orphans() []*relay {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var relays []*relay
	for _, r := range g.byRelayed {
		if !r.hasUser() {
			relays = append(relays, r)
		}
	}
	return relays
}

// relayedAt returns the live relay that peers know by addr, or nil.
func (g *registry) relayedAt(addr netip.AddrPort) *relay {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byRelayed[addr]
}

// relaysAt says whether a live relay is known by this IP address.
func (g *registry) relaysAt(addr netip.Addr) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.liveAt[addr] > 0
}
