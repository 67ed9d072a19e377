package peer

import (
	"maps"
	"math"
	"slices"
	"time"
)

// sequence tracks numbered frames: which arrived, which are missing, and when the
// video froze. It must not be used concurrently.
type sequence struct {
	first, last           int64 // numbers; valid when unique > 0
	unique                int64
	duplicates, reordered int64
	missing               map[int64]struct{} // at most maxMissingKept of missingCount
	missingCount          int64

	oldest, newest  moment    // the first and the last frame whose sending time is known
	firstAt, lastAt time.Time // arrival of new frames
	freezes         int64
	longestGap      time.Duration
	gaps            [30]time.Duration // the last intervals between new frames
	gapCount        int
}

// maxMissingKept is the most numbers whose late arrival is recognised.
const maxMissingKept = 1 << 16

// moment is when the sender created a frame, by its clock.
type moment struct {
	number int64
	clock  time.Time
}

// record notes that frame n arrived at the time now. clock is when its sender
// created it; zero = unknown.
func (l *sequence) record(n int64, clock, now time.Time) {
	if !clock.IsZero() {
		if l.oldest.clock.IsZero() {
			l.oldest = moment{n, clock}
		}
		if n >= l.newest.number {
			l.newest = moment{n, clock}
		}
	}
	switch {
	case l.unique == 0:
		l.first, l.last = n, n
		l.firstAt, l.lastAt = now, now
		l.missing = make(map[int64]struct{})
		l.unique = 1
		return
	case n > l.last:
		l.miss(l.last+1, n)
		l.last = n
	case n < l.first:
		l.miss(n+1, l.first)
		l.first = n
		l.reordered++
	default:
		if _, ok := l.missing[n]; !ok {
			l.duplicates++
			return
		}
		delete(l.missing, n)
		l.missingCount--
		l.reordered++
	}
	l.unique++
	l.gap(now.Sub(l.lastAt))
	l.lastAt = now
}

// miss notes that the numbers from `from` up to `to`, without `to`, are missing.
func (l *sequence) miss(from, to int64) {
	l.missingCount += to - from
	for n := from; n < to && len(l.missing) < maxMissingKept; n++ {
		l.missing[n] = struct{}{}
	}
}

// gap notes an interval between two new frames. A freeze is what W3C's
// webrtc-stats calls one: longer than three times the mean of the last 30
// intervals, or than the mean and 150 ms, whichever is more.
func (l *sequence) gap(d time.Duration) {
	if l.isFreeze(d) {
		l.freezes++
	}
	l.longestGap = max(l.longestGap, d)
	l.gaps[l.gapCount%len(l.gaps)] = d
	l.gapCount++
}

func (l *sequence) isFreeze(d time.Duration) bool {
	if l.gapCount == 0 {
		return d > time.Second
	}
	var sum time.Duration
	known := l.gaps[:min(l.gapCount, len(l.gaps))]
	for _, g := range known {
		sum += g
	}
	mean := sum / time.Duration(len(known))
	return d >= max(3*mean, mean+150*time.Millisecond)
}

// due returns how many new frames should have arrived by end, at the rate that the
// sender's clock shows. A second is allowed for, because frames in flight when a call
// ends are not missing. After a single frame, the rate is taken to be one frame per
// second.
func (l *sequence) due(end time.Time) int64 {
	rate := 1.0
	if span := l.newest.clock.Sub(l.oldest.clock); l.newest.number > l.oldest.number && span > 0 {
		rate = max(rate, float64(l.newest.number-l.oldest.number)/span.Seconds())
	}
	return 1 + int64(max(0, end.Sub(l.firstAt)-time.Second).Seconds()*rate)
}

// fill writes the results into a report. end is when the call, or the other side's
// part in it, was over.
func (l *sequence) fill(f *Frames, end time.Time) {
	if l.unique == 0 {
		return
	}
	closing := *l
	if trailing := end.Sub(l.lastAt); trailing > 0 {
		if l.isFreeze(trailing) {
			closing.freezes++
		}
		closing.longestGap = max(closing.longestGap, trailing)
	}
	missing := slices.Sorted(maps.Keys(l.missing))
	f.Missing = append([]int64{}, missing[:min(len(missing), maxMissingListed)]...)
	f.MissingCount, f.Duplicates, f.Reordered = &closing.missingCount, &closing.duplicates, &closing.reordered
	f.Freezes = &closing.freezes
	longest := float64(closing.longestGap.Milliseconds())
	f.LongestGapMS = &longest

	expected := max(l.last-l.first+1, l.unique+l.duplicates, l.due(end))
	percent := 100 * float64(l.unique) / float64(expected)
	f.ReceivedPct = &percent
	if span := l.lastAt.Sub(l.firstAt); l.unique > 1 && span > 0 {
		fps := math.Round(float64(l.unique-1)/span.Seconds()*10) / 10
		f.FPS = &fps
	}
}
