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
func (s *sequence) record(n int64, clock, now time.Time) {
	if !clock.IsZero() {
		if s.oldest.clock.IsZero() {
			s.oldest = moment{n, clock}
		}
		if n >= s.newest.number {
			s.newest = moment{n, clock}
		}
	}
	switch {
	case s.unique == 0:
		s.first, s.last = n, n
		s.firstAt, s.lastAt = now, now
		s.missing = make(map[int64]struct{})
		s.unique = 1
		return
	case n > s.last:
		s.miss(s.last+1, n)
		s.last = n
	case n < s.first:
		s.miss(n+1, s.first)
		s.first = n
		s.reordered++
	default:
		if _, ok := s.missing[n]; !ok {
			s.duplicates++
			return
		}
		delete(s.missing, n)
		s.missingCount--
		s.reordered++
	}
	s.unique++
	s.gap(now.Sub(s.lastAt))
	s.lastAt = now
}

// miss notes that the numbers from `from` up to `to`, without `to`, are missing.
func (s *sequence) miss(from, to int64) {
	s.missingCount += to - from
	for n := from; n < to && len(s.missing) < maxMissingKept; n++ {
		s.missing[n] = struct{}{}
	}
}

// gap notes an interval between two new frames. A freeze is what W3C's
// webrtc-stats calls one: longer than three times the mean of the last 30
// intervals, or than the mean and 150 ms, whichever is more.
func (s *sequence) gap(d time.Duration) {
	if s.isFreeze(d) {
		s.freezes++
	}
	s.longestGap = max(s.longestGap, d)
	s.gaps[s.gapCount%len(s.gaps)] = d
	s.gapCount++
}

func (s *sequence) isFreeze(d time.Duration) bool {
	if s.gapCount == 0 {
		return d > time.Second
	}
	var sum time.Duration
	known := s.gaps[:min(s.gapCount, len(s.gaps))]
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
func (s *sequence) due(end time.Time) int64 {
	rate := 1.0
	if span := s.newest.clock.Sub(s.oldest.clock); s.newest.number > s.oldest.number && span > 0 {
		rate = max(rate, float64(s.newest.number-s.oldest.number)/span.Seconds())
	}
	return 1 + int64(max(0, end.Sub(s.firstAt)-time.Second).Seconds()*rate)
}

// fill writes the results into a report. end is when the call, or the other side's
// part in it, was over.
func (s *sequence) fill(f *Frames, end time.Time) {
	if s.unique == 0 {
		return
	}
	closing := *s
	if trailing := end.Sub(s.lastAt); trailing > 0 {
		if s.isFreeze(trailing) {
			closing.freezes++
		}
		closing.longestGap = max(closing.longestGap, trailing)
	}
	missing := slices.Sorted(maps.Keys(s.missing))
	f.Missing = append([]int64{}, missing[:min(len(missing), maxMissingListed)]...)
	f.MissingCount, f.Duplicates, f.Reordered = &closing.missingCount, &closing.duplicates, &closing.reordered
	f.Freezes = &closing.freezes
	longest := float64(closing.longestGap.Milliseconds())
	f.LongestGapMS = &longest

	expected := max(s.last-s.first+1, s.unique+s.duplicates, s.due(end))
	percent := 100 * float64(s.unique) / float64(expected)
	f.ReceivedPct = &percent
	if span := s.lastAt.Sub(s.firstAt); s.unique > 1 && span > 0 {
		fps := math.Round(float64(s.unique-1)/span.Seconds()*10) / 10
		f.FPS = &fps
	}
}
