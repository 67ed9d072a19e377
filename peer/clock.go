package peer

import (
	"time"
)

// clockBounds is what is known about the other side's clock: how far it is ahead of this
// one's, at least and at most.
type clockBounds struct {
	known     bool
	low, high time.Duration
}

// note narrows the bounds by an answer: between sent and received, by this clock, the
// other one showed a time from remote to remote + 1 ms.
func (b *clockBounds) note(sent, received, remote time.Time) {
	low, high := remote.Sub(received), remote.Add(time.Millisecond).Sub(sent)
	if !b.known || low > b.high || high < b.low { // the first answer, or a clock was set
		*b = clockBounds{known: true, low: low, high: high}
		return
	}
	b.low, b.high = max(b.low, low), min(b.high, high)
}

// Clock says how the clocks of both sides were compared.
type Clock string

// The ways. With SameClock the answers to pings are consistent with both sides having one
// clock, as on one machine, and no correction is made. With SyncedClock they are not, and
// the middle of what they allow is the correction.
const (
	SameClock   Clock = "same"
	SyncedClock Clock = "synced"
)

// Latency summarises the time from the drawing of a frame until it was received
// completely, in ms.
type Latency struct {
	Clock   Clock   `json:"clock"`
	ErrorMS float64 `json:"error_ms"` // how wrong the figures may be because of the clocks
	Distribution
}

// latency returns the latencies that differences of both clocks stand for; nil if nothing is known
// about the clocks, or there are none.
func (b *clockBounds) latency(differences series) *Latency {
	if !b.known || len(differences) == 0 {
		return nil
	}
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	l := &Latency{Clock: SameClock, ErrorMS: rounded(milliseconds(max(-b.low, b.high)))}
	correction := 0.0
	if b.low > 0 || b.high < 0 {
		l.Clock, l.ErrorMS = SyncedClock, rounded(milliseconds(b.high-b.low)/2)
		correction = milliseconds(b.low+b.high) / 2
	}
	corrected := make(series, len(differences))
	for i, d := range differences {
		corrected[i] = d + correction
	}
	l.Distribution = *corrected.distribution()
	return l
}
