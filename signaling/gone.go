package signaling

import (
	"hash/maphash"
	"time"

	"callbox/signaling/protocol"
)

// goneKept bounds how many seats a shard remembers that were given up.
const goneKept = 4096

// goneSeats remembers the seats that were left, replaced or kicked, until
// their tokens have expired. The zero value is empty. It keeps hashes of peer
// ids, which come from us and under a signature, so nobody chooses them.
type goneSeats struct {
	seats map[uint64]goneSeat
	order []uint64 // from the oldest on
}

type goneSeat struct {
	until  time.Duration // since the server's start
	reason protocol.Reason
	by     *string // who replaced it
}

//nolint:gochecknoglobals // a hash's seed is one for the process
var goneSeed = maphash.MakeSeed()

func (g *goneSeats) add(peer string, reason protocol.Reason, by string, until time.Duration) {
	seat := goneSeat{until: until, reason: reason}
	if by != "" {
		seat.by = &by
	}
	key := maphash.String(goneSeed, peer)
	if _, known := g.seats[key]; !known {
		if len(g.order) >= goneKept {
			g.forget(1)
		}
		g.order = append(g.order, key)
	}
	if g.seats == nil {
		g.seats = make(map[uint64]goneSeat)
	}
	g.seats[key] = seat
}

// find returns why that peer's seat was given up, and who replaced it. reason
// is empty when nothing is known.
func (g *goneSeats) find(peer string) (reason protocol.Reason, by string) {
	seat, ok := g.seats[maphash.String(goneSeed, peer)]
	if !ok {
		return "", ""
	}
	if seat.by != nil {
		by = *seat.by
	}
	return seat.reason, by
}

// prune forgets what has expired.
func (g *goneSeats) prune(now time.Duration) {
	n := 0
	for n < len(g.order) && g.seats[g.order[n]].until <= now {
		n++
	}
	g.forget(n)
}

func (g *goneSeats) forget(n int) {
	for _, key := range g.order[:n] {
		delete(g.seats, key)
	}
	if g.order = g.order[n:]; len(g.order) == 0 {
		g.order, g.seats = nil, nil
	}
}
