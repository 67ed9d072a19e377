package turnserver

import (
	"net/netip"
	"slices"
	"time"

	"callbox/internal/netaddr"
)

// Behind one address there may be one person or a whole company, and before the
// first relay nobody knows which. So an address has a share of what there is,
// and beyond a part of it the users behind it get relays one after another:
// browsers ask for one by each protocol, of which a call needs one.
const (
	// unshared is how many relays any address may have at any time: those of
	// one user.
	unshared = DefaultUserAllocations
	// portShare is the part that one address may have of the ports which are
	// free or its own: an eighth. When ten addresses take all they can, one after
	// another, a quarter of the ports is left for others.
	portShare = 8
	// pacedShare is the part of its quota from which on an address has its users
	// wait: a quarter.
	pacedShare = 4
	// pace is how long a user waits then from one relay to the next. A browser
	// that asks by three protocols gets one relay, and one more when its call
	// breaks later on.
	pace = 10 * time.Second
	// idleAfter is how old a relay must be to count as idle when nothing went
	// through it, and displacing how many may be about to end to make room.
	idleAfter  = 2 * time.Second
	displacing = 32
)

// addressFull reports whether an address with held relays may have no more n,
// where free ports are left. Without a quota for addresses it never is.
func (l *Limits) addressFull(held, n, free int) bool {
	return l.AddressAllocations > 0 && held+n > min(l.AddressAllocations, max(unshared, (held+free)/portShare))
}

// paced reports whether the users of an address with held relays have to wait
// from one relay to the next.
func (l *Limits) paced(held int) bool {
	return l.AddressAllocations > 0 && held >= max(unshared, l.AddressAllocations/pacedShare)
}

// victimsLocked returns n relays that make room for those of a client when the
// server has as many as it may have, or fewer when there are not so many. They
// are idle: nothing has gone through them yet. They are the oldest of the
// address that has most idle ones, which must be more than one user gets, and
// more than client would have. g.mu must be held.
func (g *registry) victimsLocked(client netip.Addr, n int, now time.Time) []*relay {
	if g.displaced+n > displacing {
		return nil
	}
	idle := make(map[netip.Addr][]*relay)
	for _, r := range g.byRelayed {
		if !r.displaced && now.Sub(r.since) >= idleAfter && r.isIdle() {
			holder := netaddr.Client(r.client.Addr())
			idle[holder] = append(idle[holder], r)
		}
	}
	var most []*relay
	count := max(unshared, len(idle[client])+n)
	for _, relays := range idle {
		if len(relays) > count {
			most, count = relays, len(relays)
		}
	}
	slices.SortFunc(most, func(a, b *relay) int { return a.since.Compare(b.since) })
	return most[:min(n, len(most))]
}
