package turnserver

import (
	"net/netip"
	"slices"
	"time"

	"callbox/internal/netaddr"
)

// Behind one address there may be one person or a whole company, and before the first allocation
// nobody knows which. So each address has a share of what there is, and once it has used a part of
// that, its users get allocations one after another: browsers ask for one by each protocol, of which
// a call needs only one.
const (
	// unshared is how many allocations any address may have at any time: those that one user needs for a call.
	unshared = 8
	// portShare is the share of one address in the ports that are free or its own: an
	// eighth. When ten addresses use all they can, one after another, a quarter of the ports
	// is left for others.
	portShare = 8
	// pacedShare is the part of its quota, a quarter, after which the users of an address
	// have to wait.
	pacedShare = 4
	// pace is how long a user then has to wait between two allocations. A browser that asks
	// by three protocols gets one, and another one when its call breaks later.
	pace = 10 * time.Second
	// idleAfter is how old an allocation must be to count as idle when nothing was relayed,
	// and maxDisplacing how many may be about to end to make room.
	idleAfter     = 2 * time.Second
	maxDisplacing = 32
)

// addressFull reports whether an address that holds held allocations is refused n more while free
// ports are free. Without a quota for addresses it is always false.
func (l *Limits) addressFull(held, n, free int) bool {
	return l.AddressAllocations > 0 && held+n > min(l.AddressAllocations, max(unshared, (held+free)/portShare))
}

// paced reports whether the users of an address with held allocations have to wait between two of
// them.
func (l *Limits) paced(held int) bool {
	return l.AddressAllocations > 0 && held >= max(unshared, l.AddressAllocations/pacedShare)
}

// victimsLocked returns n allocations to displace for those of a client when the server has as many
// as it may have, or fewer when there are not so many. They are idle: nothing has been relayed yet.
// They are the oldest idle ones of the address with the most of them. That address must have more
// than one user may have, and more than client would have afterwards. g.mu must be held.
func (g *registry) victimsLocked(client netip.Addr, n int, now time.Time) []*allocation {
	if g.displaced+n > maxDisplacing {
		return nil
	}
	idle := make(map[netip.Addr][]*allocation)
	for _, a := range g.byRelayed {
		if !a.displaced && now.Sub(a.since) >= idleAfter && a.isIdle() {
			holder := netaddr.Client(a.client.Addr())
			idle[holder] = append(idle[holder], a)
		}
	}
	var most []*allocation
	count := max(unshared, len(idle[client])+n)
	for _, allocations := range idle {
		if len(allocations) > count {
			most, count = allocations, len(allocations)
		}
	}
	slices.SortFunc(most, func(a, b *allocation) int { return a.since.Compare(b.since) })
	return most[:min(n, len(most))]
}
