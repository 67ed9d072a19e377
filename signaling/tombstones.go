package signaling

import (
	"hash/maphash"
	"time"

	"callbox/signaling/protocol"
)

// goneKept bounds how many seats a shard remembers that were given up.
const maxTombstones = 4096

// goneSeats remembers the seats that were left, replaced or kicked, until
// their tokens have expired. The zero value is empty. It keeps hashes of peer
// ids, which come from us and under a signature, so nobody chooses them.
//
// What it forgets for want of room stays refused all the same: whoever joined
// no later than a forgotten peer cannot have back a seat that nobody holds.
// So no number of departures brings a seat that was given up back to life.
type tombstones struct {
	seats map[uint64]tombstone
	order []uint64 // from the oldest on

	evictedJoined int64         // when the last of those joined that were forgotten too early
	evictedUntil  time.Duration // when their tokens have expired, since the server's start
}

type tombstone struct {
	until  time.Duration // since the server's start
	joined int64         // as session.joined
	reason protocol.Reason
	by     *string // who replaced it
}

//nolint:gochecknoglobals // a hash's seed is one for the process
var tombstoneSeed = maphash.MakeSeed()

func (t *tombstones) add(peer string, joined int64, reason protocol.Reason, by string, until time.Duration) {
	seat := tombstone{until: until, joined: joined, reason: reason}
	if by != "" {
		seat.by = &by
	}
	key := maphash.String(tombstoneSeed, peer)
	if last, known := t.seats[key]; known {
		seat.joined = max(joined, last.joined)
	} else {
		if len(t.order) >= maxTombstones {
			oldest := t.seats[t.order[0]]
			t.evictedJoined, t.evictedUntil = max(t.evictedJoined, oldest.joined), max(t.evictedUntil, oldest.until)
			t.evict(1)
		}
		t.order = append(t.order, key)
	}
	if t.seats == nil {
		t.seats = make(map[uint64]tombstone)
	}
	t.seats[key] = seat
}

// find returns why that peer's seat was given up, and who replaced it. reason
// is empty when nothing is known.
func (t *tombstones) lookup(peer string) (reason protocol.Reason, by string) {
	seat, ok := t.seats[maphash.String(tombstoneSeed, peer)]
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
func (t *tombstones) compressPath(peer, last string) {
	key := maphash.String(tombstoneSeed, peer)
	if seat, ok := t.seats[key]; ok && seat.by != nil && *seat.by != last {
		seat.by = &last
		t.seats[key] = seat
	}
}

// mayBe reports whether a peer that is not found here, and joined at that time,
// may be one that was forgotten.
func (t *tombstones) mayHaveEvicted(joined int64) bool { return joined <= t.evictedJoined }

// prune forgets what has expired.
func (t *tombstones) prune(now time.Duration) {
	if t.evictedUntil <= now {
		t.evictedJoined = 0
	}
	n := 0
	for n < len(t.order) && t.seats[t.order[n]].until <= now {
		n++
	}
	t.evict(n)
}

func (t *tombstones) evict(n int) {
	for _, key := range t.order[:n] {
		delete(t.seats, key)
	}
	if t.order = t.order[n:]; len(t.order) == 0 {
		t.order, t.seats = nil, nil
	}
}
