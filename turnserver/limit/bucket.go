// Package limit has the rate limits of a TURN server: for the bytes that are relayed, and for
// the answers to clients that are not authenticated. Both are asked for every packet, so they
// take no lock and allocate nothing. The caller drops what is over a limit, and never delays it.
package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// MinBurst is the smallest burst of a bucket, in bytes: any datagram fits.
const MinBurst = math.MaxUint16

// Bucket is a token bucket that limits bytes per second and is full at the start. It is stored as
// the time at which everything that it let pass is paid for (the generic cell rate algorithm,
// ITU-T I.371). All methods are safe for concurrent use, and a nil Bucket has no limit.
type Bucket struct {
	nanosecondsPerByte float64
	tolerance          int64 // how far ahead of now paid may be, in nanoseconds
	paid               atomic.Int64
}

// NewBucket returns a bucket that lets bytesPerSecond pass, and burst bytes at once, at least
// MinBurst. When bytesPerSecond is not positive it returns nil, which has no limit.
func NewBucket(bytesPerSecond, burst int) *Bucket {
	if bytesPerSecond <= 0 {
		return nil
	}
	b := &Bucket{nanosecondsPerByte: float64(time.Second) / float64(bytesPerSecond)}
	b.tolerance = b.cost(max(burst, MinBurst))
	b.paid.Store(math.MinInt64)
	return b
}

// Take reports whether so many bytes may pass at the time now, and takes them from the bucket if
// so. now is a monotonic time in nanoseconds; all calls must use the same clock.
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

// cost returns the time in nanoseconds in which the rate lets bytes pass, at most a century.
func (b *Bucket) cost(bytes int) int64 {
	const century = float64(100 * 365 * 24 * time.Hour)
	return int64(min(float64(max(bytes, 0))*b.nanosecondsPerByte, century))
}
