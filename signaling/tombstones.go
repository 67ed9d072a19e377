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
//
// What it forgets for want of room stays refused all the same: whoever joined
// no later than a forgotten peer cannot have back a seat that nobody holds.
// So no number of departures brings a seat that was given up back to life.
type goneSeats struct {
	seats map[uint64]goneSeat
	order []uint64 // from the oldest on

	forgotten      int64         // when the last of those joined that were forgotten too early
	forgottenUntil time.Duration // when their tokens have expired, since the server's start
}

type goneSeat struct {
	until  time.Duration // since the server's start
	joined int64         // as session.joined
	reason protocol.Reason
	by     *string // who replaced it
}

//nolint:gochecknoglobals // a hash's seed is one for the process
var goneSeed = maphash.MakeSeed()

func (g *goneSeats) add(peer string, joined int64, reason protocol.Reason, by string, until time.Duration) {
	seat := goneSeat{until: until, joined: joined, reason: reason}
	if by != "" {
		seat.by = &by
	}
	key := maphash.String(goneSeed, peer)
	if last, known := g.seats[key]; known {
		seat.joined = max(joined, last.joined)
	} else {
		if len(g.order) >= goneKept {
			oldest := g.seats[g.order[0]]
			g.forgotten, g.forgottenUntil = max(g.forgotten, oldest.joined), max(g.forgottenUntil, oldest.until)
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

// shorten notes that the way from peer leads to last, so that nobody makes a long
// way to be walked again and again.
func (g *goneSeats) shorten(peer, last string) {
	key := maphash.String(goneSeed, peer)
	if seat, ok := g.seats[key]; ok && seat.by != nil && *seat.by != last {
		seat.by = &last
		g.seats[key] = seat
	}
}

// mayBe reports whether a peer that is not found here, and joined at that time,
// may be one that was forgotten.
func (g *goneSeats) mayBe(joined int64) bool { return joined <= g.forgotten }

// prune forgets what has expired.
func (g *goneSeats) prune(now time.Duration) {
	if g.forgottenUntil <= now {
		g.forgotten = 0
	}
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
