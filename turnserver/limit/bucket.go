// Package limit holds what bounds the packets of a TURN server: the bytes that
// are relayed in a second, and how often one client address is answered before
// it has proved who it is. Both are asked for every packet, so they take no
// lock and no memory, and what is over a limit is dropped by the caller, never
// held back.
package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// MinBurst is the least that a bucket holds: any datagram, whole.
const MinBurst = math.MaxUint16

// Bucket bounds the bytes that pass in a second: a token bucket that is full at
// the start, kept as the time at which all that it let pass is paid for (the
// generic cell rate algorithm, ITU-T I.371). All methods are safe for concurrent
// use, and a nil Bucket has no limit.
type Bucket struct {
	nanosecondsPerByte float64
	tolerance          int64 // how far ahead of now paid may be, in nanoseconds
	paid               atomic.Int64
}

// NewBucket returns a bucket that bytesPerSecond flow into and that holds burst
// bytes; a burst of less than MinBurst counts as that. When bytesPerSecond is
// not positive there is no limit, and NewBucket returns nil.
func NewBucket(bytesPerSecond, burst int) *Bucket {
	if bytesPerSecond <= 0 {
		return nil
	}
	b := &Bucket{nanosecondsPerByte: float64(time.Second) / float64(bytesPerSecond)}
	b.tolerance = b.cost(max(burst, MinBurst))
	b.paid.Store(math.MinInt64)
	return b
}

// Take reports whether so many bytes may pass at the time now, and takes them
// from the bucket if so. now is a monotonic time in nanoseconds, from any
// beginning that is the same for all calls.
func (b *Bucket) Take(now int64, bytes int) bool {
	if b == nil {
		return true
	}
	cost := b.cost(bytes)
	for {
		was := b.paid.Load()
		paid := max(was, now) + cost
		if paid-now > b.tolerance {
			return false
		}
		if b.paid.CompareAndSwap(was, paid) {
			return true
		}
	}
}

// cost is the time that bytes take to flow in, at most what a century has.
func (b *Bucket) cost(bytes int) int64 {
	const century = float64(100 * 365 * 24 * time.Hour)
	return int64(min(float64(max(bytes, 0))*b.nanosecondsPerByte, century))
}
