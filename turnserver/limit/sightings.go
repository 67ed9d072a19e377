package limit

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	sightingSets = 1 << 14 // of the table, of ways places each

	// A retransmitted request has a second chance, but not before a client would
	// retransmit it, and not when it could as well be another one.
	comesAgainAfter  = 150 * time.Millisecond
	comesAgainWithin = 5 * time.Second
	// knownFor is how long an authenticated client is known.
	knownFor = 10 * time.Minute
)

// rank is how likely it is that a request does not belong to a flood.
type rank int

const (
	anybody   rank = iota
	samePort       // the port has sent a request before
	sameAsker      // the same request has come before, or the client is known
)

// sightings remember which ports have sent a request, and which one, while their address is over
// its limit: a client retransmits what is not answered, and whoever forges its address cannot know
// its port and transaction ID. The table has a fixed size, and forgets the oldest first.
type sightings struct {
	seed  maphash.Seed
	table [sightingSets][ways]atomic.Uint64 // as that of Sources
}

// The kinds of entries.
const (
	keyPort = iota
	keyRequest
	keyKnown
)

// sighting is a slot of the table, and what was found there.
type sighting struct {
	place    *atomic.Uint64
	tag, was uint64
}

func (s *sightings) find(kind byte, client netip.AddrPort, id []byte) sighting {
	const most = 48
	key := append(make([]byte, 0, most), kind)
	ip := client.Addr().As16()
	key = binary.BigEndian.AppendUint16(append(key, ip[:]...), client.Port())
	hash := maphash.Bytes(s.seed, append(key, id...))
	tag := hash >> timeBits
	place, was := find(&s.table[hash%sightingSets], tag)
	return sighting{place, tag, was}
}

// found reports whether the slot has the entry that was looked for.
func (g sighting) found() bool { return g.was != 0 && g.was>>timeBits == g.tag }

// age returns how long ago, in microseconds, the entry was noted. It is negative for an entry that
// is valid until later.
func (g sighting) age(at int64) int64 { return at - int64(g.was&timeMask) }

// note sets the time of the entry. When another goroutine is faster, its time stays.
func (g sighting) note(at int64) {
	g.place.CompareAndSwap(g.was, g.tag<<timeBits|uint64(at)&timeMask) //nolint:gosec // not negative
}

// again reports whether the entry was noted long enough ago, but not too long ago, and whether it was
// noted a moment ago (soon). An entry that was not noted lately is noted now.
func (g sighting) again(at int64) (again, soon bool) {
	age := g.age(at)
	switch {
	case !g.found() || age > comesAgainWithin.Microseconds():
		g.note(at)
		return false, false
	case age < comesAgainAfter.Microseconds():
		return false, true
	default:
		return true, false
	}
}

// rank returns the rank of a request. granted must be called when it is answered because of its rank,
// so that it has to come again for the next answer.
func (s *sightings) rank(at int64, client netip.AddrPort, id []byte) (r rank, granted func()) {
	port, request := s.find(keyPort, client, nil), s.find(keyRequest, client, id)
	portAgain, portSoon := port.again(at)
	requestAgain, _ := request.again(at)
	known := s.find(keyKnown, client, nil)
	switch {
	case portSoon:
		r = anybody
	case requestAgain, known.found() && known.age(at) < 0:
		r = sameAsker
	case portAgain:
		r = samePort
	}
	return r, func() {
		port.note(at)
		request.note(at)
	}
}

// know notes that a client is authenticated.
func (s *sightings) know(at int64, client netip.AddrPort) {
	s.find(keyKnown, client, nil).note(at + knownFor.Microseconds())
}
