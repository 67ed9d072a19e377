package limit

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"callbox/internal/netaddr"
)

const (
	sets = 1 << 13 // of the table
	ways = 4       // places in each

	// A place holds an address and a time: 16 bits of the address' hash above
	// 48 bits of microseconds, which are nine years.
	timeBits = 48
	timeMask = 1<<timeBits - 1
)

// Sources bounds how often each client address is answered: with a bucket of
// answers for each of the addresses that were answered last, in a table of
// fixed size. Where addresses crowd, the one that was answered least makes room,
// so that those over their limit stay. An address is what netaddr.Client makes of it.
// All methods are safe for concurrent use, and nil Sources have no limit.
type Sources struct {
	interval  int64 // microseconds that one answer costs
	tolerance int64
	seed      maphash.Seed
	refused   atomic.Uint64
	table     [sets][ways]atomic.Uint64
	seen      sightings
}

// NewSources returns a limit of perSecond answers for each address, of which
// burst, at least one, may come at once. When perSecond is not positive there is
// no limit, and NewSources returns nil. More than a million in a second count as
// that.
func NewSources(perSecond, burst int) *Sources {
	if perSecond <= 0 {
		return nil
	}
	const second = int64(time.Second / time.Microsecond)
	interval := max(second/int64(perSecond), 1)
	return &Sources{interval: interval, tolerance: int64(max(burst, 1)) * interval, seed: maphash.MakeSeed(), seen: sightings{seed: maphash.MakeSeed()}}
}

// Take reports whether addr may have one more answer at the time now, a
// monotonic time in nanoseconds that is not negative, from the same beginning
// for all calls.
func (s *Sources) Take(now int64, addr netip.Addr) bool {
	if s == nil || s.take(microseconds(now), addr, s.tolerance) {
		return true
	}
	s.refused.Add(1)
	return false
}

// Answer is Take for a request with an id that came from a port of an address,
// and gives those of an address over its limit a second chance: ports that ask
// again have a quarter of the burst more, and requests that come again, like
// ports that Know was told of, another quarter. So who forges an address takes
// its answers only from those who have not asked yet, and they are answered when
// they ask again. In the long run the address gets no more answers by that.
func (s *Sources) Answer(now int64, client netip.AddrPort, id []byte) bool {
	if s == nil {
		return true
	}
	at := microseconds(now)
	if s.take(at, client.Addr(), s.tolerance) {
		return true
	}
	r, granted := s.seen.rank(at, client, id)
	if r != anybody && s.take(at, client.Addr(), s.tolerance+int64(r)*s.tolerance/4) {
		granted()
		return true
	}
	s.refused.Add(1)
	return false
}

// Know notes that a client has proved who it is, for ten minutes.
func (s *Sources) Know(now int64, client netip.AddrPort) {
	if s != nil {
		s.seen.know(microseconds(now), client)
	}
}

// microseconds is the time of the table. It is never 0.
func microseconds(now int64) int64 { return (now/int64(time.Microsecond) + 1) & timeMask }

// take takes an answer unless the address is so far ahead of what it is due.
func (s *Sources) take(at int64, addr netip.Addr, tolerance int64) bool {
	hash := s.hash(addr)
	set, tag := &s.table[hash%sets], hash>>timeBits
	for {
		place, was := find(set, tag)
		paid := at
		if was>>timeBits == tag {
			paid = max(at, int64(was&timeMask))
		}
		paid += s.interval
		if paid-at > tolerance {
			return false
		}
		if place.CompareAndSwap(was, tag<<timeBits|uint64(paid)&timeMask) { //nolint:gosec // not negative
			return true
		}
	}
}

// Refused returns how many answers were refused.
func (s *Sources) Refused() uint64 {
	if s == nil {
		return 0
	}
	return s.refused.Load()
}

// find returns the place of a tag, or the one it may have: that which is paid
// for first.
func find(set *[ways]atomic.Uint64, tag uint64) (place *atomic.Uint64, was uint64) {
	for i := range set {
		value := set[i].Load()
		if value>>timeBits == tag {
			return &set[i], value
		}
		if place == nil || value&timeMask < was&timeMask {
			place, was = &set[i], value
		}
	}
	return place, was
}

func (s *Sources) hash(addr netip.Addr) uint64 {
	ip := netaddr.Client(addr).As16()
	return maphash.Bytes(s.seed, ip[:])
}
