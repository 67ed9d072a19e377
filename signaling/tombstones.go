package signaling

import (
	"hash/maphash"
	"time"

	"callbox/signaling/protocol"
)

// maxTombstones is how many tombstones a shard keeps.
const maxTombstones = 4096

// tombstones remembers the peers whose seats were given up, because they left or
// were replaced or kicked, until their tokens have expired. The zero value is
// empty. The keys are hashes of peer ids, which the server makes and signs, so
// clients cannot choose them.
//
// Tokens of tombstones that were evicted for lack of space are refused all the
// same: a peer that joined no later than an evicted one cannot take back a seat
// that nobody holds. So no number of departures makes a seat that was given up
// usable again.
type tombstones struct {
	seats map[uint64]tombstone
	order []uint64 // from the oldest on

	evictedJoined int64         // when the last of the evicted peers joined
	evictedUntil  time.Duration // when their tokens have expired, since the server's start
}

type tombstone struct {
	until  time.Duration // since the server's start
	joined int64         // as session.joined
	reason protocol.Reason
	by     *string // the peer that replaced it; nil = none
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

// lookup returns why that peer's seat was given up, and which peer replaced it.
// An empty reason means that there is no tombstone.
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

// compressPath records that the replacements of peer lead to last, so that
// nobody can have a long chain followed again and again.
func (t *tombstones) compressPath(peer, last string) {
	key := maphash.String(tombstoneSeed, peer)
	if seat, ok := t.seats[key]; ok && seat.by != nil && *seat.by != last {
		seat.by = &last
		t.seats[key] = seat
	}
}

// mayHaveEvicted reports whether a peer without a tombstone that joined at that
// time may have had one that was evicted.
func (t *tombstones) mayHaveEvicted(joined int64) bool { return joined <= t.evictedJoined }

// prune removes the tombstones that have expired.
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

// evict removes the n oldest.
func (t *tombstones) evict(n int) {
	for _, key := range t.order[:n] {
		delete(t.seats, key)
	}
	if t.order = t.order[n:]; len(t.order) == 0 {
		t.order, t.seats = nil, nil
	}
}
