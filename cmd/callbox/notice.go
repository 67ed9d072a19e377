package main

import (
	"sync/atomic"
	"time"
)

// noticePeriod is the least time between two warnings of one kind that
// strangers can cause.
const noticePeriod = time.Minute

// notice lets one warning a minute into the log. The zero value is ready.
type notice struct {
	next atomic.Int64 // when another one may be given, in Unix nanoseconds
}

// due reports whether the warning may be given now, and counts it as given.
func (n *notice) due(now time.Time) bool {
	next := n.next.Load()
	return now.UnixNano() >= next && n.next.CompareAndSwap(next, now.Add(noticePeriod).UnixNano())
}
