package signaling

import "time"

// rate limits how often something may happen: perSecond on average, burst at
// once. The zero value limits nothing.
type rate struct {
	interval time.Duration // between two, on average
	slack    time.Duration // how far ahead of the average one may be
}

func newRate(perSecond, burst int) rate {
	if perSecond <= 0 {
		return rate{}
	}
	interval := time.Second / time.Duration(perSecond)
	return rate{interval: interval, slack: interval * time.Duration(max(burst, 1)-1)}
}

// bucket counts against a rate, by the generic cell rate algorithm (ITU-T
// I.371): a single time stamp replaces a number of tokens and their refilling.
// Times are since the server's start.
type bucket struct {
	due time.Duration // when the next one is due at the average rate
}

// wait returns how long to wait until one more is within the rate.
func (b *bucket) wait(r rate, now time.Duration) time.Duration {
	if r.interval == 0 {
		return 0
	}
	return max(b.due-now-r.slack, 0)
}

// charge counts one at now. When that is too early, it counts nothing and
// returns how long to wait.
func (b *bucket) charge(r rate, now time.Duration) time.Duration {
	if wait := b.wait(r, now); wait > 0 {
		return wait
	}
	b.due = max(b.due, now) + r.interval
	return 0
}

// isFull reports whether b is in the same state as a new bucket.
func (b *bucket) isFull(now time.Duration) bool { return b.due <= now }
