package main

import (
	"sync/atomic"
	"time"
)

// warnPeriod is the least time between two warnings of one kind that strangers can
// cause.
const warnPeriod = time.Minute

// warnLimit allows one warning per minute. The zero value is ready to use.
type warnLimit struct {
	next atomic.Int64 // when the next one is allowed, in Unix nanoseconds
}

// allow reports whether the warning may be logged now, and counts it as logged.
func (n *warnLimit) allow(now time.Time) bool {
	next := n.next.Load()
	return now.UnixNano() >= next && n.next.CompareAndSwap(next, now.Add(warnPeriod).UnixNano())
}
