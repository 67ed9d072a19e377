package impair

import (
	"errors"
	"fmt"
	"time"
)

// MaxDelay is the longest Delay and the longest Jitter.
const MaxDelay = 10 * time.Second

// MinRate is the lowest Rate, in bits per second.
const MinRate = 8_000

// Config says what happens to what is sent. The zero value means nothing. A datagram has
// one of three fates: it is lost, otherwise it may be duplicated, otherwise it may be
// overtaken.
type Config struct {
	Loss      float64 // share of the datagrams that are lost, 0 to 1
	Duplicate float64 // share of the rest that is sent twice, 0 to 1
	// Reorder is the share of the rest, 0 to 1, that changes places with the next
	// datagram of its stream. If there is none within HoldTime, it is sent alone.
	Reorder float64

	Delay time.Duration // of every datagram, at most MaxDelay
	// Jitter is the longest additional delay, at most MaxDelay; the delays are uniformly
	// distributed. The order of the datagrams of a socket is kept, so that a later one
	// may have to wait for an earlier one.
	Jitter time.Duration
	// Rate is the rate of the link in bits per second, with 28 bytes of headers (IPv4 and
	// UDP) for each datagram; 0 = no limit. What would have to wait longer than
	// QueueTime is dropped.
	Rate int64

	Seed uint64 // of all decisions
}

// Check returns an error that joins all faults of c, or nil.
func (c Config) Check() error {
	var faults []error
	for _, share := range []struct {
		name  string
		value float64
	}{{"loss", c.Loss}, {"duplicates", c.Duplicate}, {"reordering", c.Reorder}} {
		if !(share.value >= 0 && share.value <= 1) { // also NaN
			faults = append(faults, fmt.Errorf("%s of %v: a share is from 0 to 1", share.name, share.value))
		}
	}
	for _, wait := range []struct {
		name  string
		value time.Duration
	}{{"delay", c.Delay}, {"jitter", c.Jitter}} {
		if wait.value < 0 || wait.value > MaxDelay {
			faults = append(faults, fmt.Errorf("a %s of %v: it must be from 0 to %v", wait.name, wait.value, MaxDelay))
		}
	}
	if c.Rate != 0 && c.Rate < MinRate {
		faults = append(faults, fmt.Errorf("a rate of %d bit/s: the lowest is %d", c.Rate, MinRate))
	}
	return errors.Join(faults...)
}

// IsZero reports whether c changes nothing. The seed does not matter.
func (c Config) IsZero() bool {
	c.Seed = 0
	return c == Config{}
}
