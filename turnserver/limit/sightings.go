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

	// A request that comes again has a second chance, but not before a client
	// would send it again, and not when it can as well be another one.
	comesAgainAfter  = 150 * time.Millisecond
	comesAgainWithin = 5 * time.Second
	// knownFor is how long a client is known that has proved who it is.
	knownFor = 10 * time.Minute
)

// rank is how likely it is that a request is no flood's.
type rank int

const (
	anybody   rank = iota
	samePort       // the port has asked before
	sameAsker      // the very request has come before, or the client is known
)

// sightings remember which ports have asked for something, and what, while
// their address is over its limit: a client sends again what is not answered,
// and who forges its address cannot know the port and the id that it does that
// with. The table is of fixed size, and forgets what is oldest.
type sightings struct {
	seed  maphash.Seed
	table [sightingSets][ways]atomic.Uint64 // as that of Sources
}

// The kinds of what is remembered.
const (
	keyPort = iota
	keyRequest
	keyKnown
)

// sighting is a place of the table, and what was found there.
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

// found reports whether the place is that of what was looked for.
func (g sighting) found() bool { return g.was != 0 && g.was>>timeBits == g.tag }

// age returns how long ago, in microseconds, it was noted. It is negative for
// what is noted to be good until later.
func (g sighting) age(at int64) int64 { return at - int64(g.was&timeMask) }

// note has it seen at this time. When another goroutine is faster, its note stays.
func (g sighting) note(at int64) {
	g.place.CompareAndSwap(g.was, g.tag<<timeBits|uint64(at)&timeMask) //nolint:gosec // not negative
}

// again reports whether it was seen before, long enough ago, and whether it was
// seen a moment ago. What was not seen lately is noted.
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

// rank judges a request of a client. granted is to be called when it is
// answered for its rank, so that it has to come again for the next answer.
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

// know remembers a client that has proved who it is.
func (s *sightings) know(at int64, client netip.AddrPort) {
	s.find(keyKnown, client, nil).note(at + knownFor.Microseconds())
}
