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
	ways = 4       // slots of each

	// A slot has an address and a time: 16 bits of the hash of the address above 48 bits
	// of microseconds, which last for nine years.
	timeBits = 48
	timeMask = 1<<timeBits - 1
)

// Sources limits how often each client address is answered. It has a token bucket for each of the
// addresses that were answered most recently, in a table of fixed size. When a set of the table is
// full, the address that was answered least is replaced, so that those over their limit stay.
// Addresses are grouped by netaddr.Client. All methods are safe for concurrent use, and nil Sources
// have no limit.
type Sources struct {
	interval  int64 // microseconds that one answer costs
	tolerance int64
	seed      maphash.Seed
	refused   atomic.Uint64
	table     [sets][ways]atomic.Uint64
	seen      sightings
}

// NewSources returns a limit of perSecond answers for each address, up to a million, and of burst
// answers at once, at least one. When perSecond is not positive it returns nil, which has no limit.
func NewSources(perSecond, burst int) *Sources {
	if perSecond <= 0 {
		return nil
	}
	return NewSlowSources(time.Second/time.Duration(perSecond), burst)
}

// NewSlowSources returns a limit of one answer in every interval for each address, and of burst answers
// at once, at least one.
func NewSlowSources(every time.Duration, burst int) *Sources {
	interval := max(every.Microseconds(), 1)
	return &Sources{interval: interval, tolerance: int64(max(burst, 1)) * interval, seed: maphash.MakeSeed(), seen: sightings{seed: maphash.MakeSeed()}}
}

// Take reports whether addr may have one more answer at the time now, a monotonic time in
// nanoseconds that is not negative; all calls must use the same clock.
func (s *Sources) Take(now int64, addr netip.Addr) bool {
	if s == nil || s.take(microseconds(now), addr, s.tolerance) {
		return true
	}
	s.refused.Add(1)
	return false
}

// Answer is Take for a request with a transaction ID. It gives requests of an address over its limit
// a second chance: a port that has sent a request before has another quarter of the burst, and a
// retransmitted request, or a port that Know was called for, one quarter more. So whoever forges an
// address can delay only clients that are not known yet, and only until they retransmit. In the long
// run the address gets no more answers than otherwise.
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

// Know notes, for ten minutes, that a client is authenticated.
func (s *Sources) Know(now int64, client netip.AddrPort) {
	if s != nil {
		s.seen.know(microseconds(now), client)
	}
}

// microseconds returns the time of the table. It is never 0.
func microseconds(now int64) int64 { return (now/int64(time.Microsecond) + 1) & timeMask }

// take takes an answer unless the address is over its limit by more than tolerance.
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

// find returns the slot of a tag or, if it has none, the slot to replace: the one with the earliest
// time.
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
