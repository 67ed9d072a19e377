package peer

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// framesOf records numbers, 100 ms apart at both ends, and returns the resulting report.
func framesOf(numbers []int64, trailing time.Duration) Frames {
	var s sequence
	start := time.Unix(1_795_000_000, 0)
	now := start
	for _, n := range numbers {
		s.record(n, start.Add(time.Duration(n)*100*time.Millisecond), now)
		now = now.Add(100 * time.Millisecond)
	}
	var f Frames
	s.fill(&f, now.Add(trailing-100*time.Millisecond))
	return f
}

func numbersFrom(from, to int64) (all []int64) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

func TestSequence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		numbers                        []int64
		trailing                       time.Duration
		missing                        []int64
		duplicates, reordered, freezes int64
		percent                        float64
	}{
		"in order":                {numbers: numbersFrom(5, 25), percent: 100},
		"one missing":             {numbers: []int64{0, 1, 3}, missing: []int64{2}, percent: 75},
		"late":                    {numbers: []int64{0, 2, 1, 3}, reordered: 1, percent: 100},
		"before the first":        {numbers: []int64{3, 1, 2, 4}, reordered: 2, percent: 100},
		"before the first, gap":   {numbers: []int64{3, 1, 4}, missing: []int64{2}, reordered: 1, percent: 75},
		"twice":                   {numbers: []int64{0, 1, 1, 2}, duplicates: 1, percent: 75},
		"frozen":                  {numbers: []int64{0, 1, 2, 2, 2, 2, 2, 2, 2, 2}, duplicates: 7, percent: 30, freezes: 1},
		"frozen, and goes on":     {numbers: append(append(numbersFrom(0, 5), 4, 4, 4, 4, 4), numbersFrom(5, 10)...), duplicates: 5, freezes: 1, percent: 100 * 10.0 / 15},
		"silent at the end":       {numbers: numbersFrom(0, 10), trailing: 10*time.Second + 100*time.Millisecond, freezes: 1, percent: 100 * 10.0 / 101},
		"silent after one":        {numbers: []int64{7}, trailing: 5 * time.Second, freezes: 1, percent: 20},
		"the end is on its way":   {numbers: numbersFrom(0, 10), trailing: 200 * time.Millisecond, percent: 100},
		"one":                     {numbers: []int64{7}, percent: 100},
		"everything comes double": {numbers: []int64{0, 0, 1, 1, 2, 2}, duplicates: 3, percent: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := framesOf(c.numbers, c.trailing)
			if !slices.Equal(f.Missing, c.missing) || *f.MissingCount != int64(len(c.missing)) || f.Missing == nil {
				t.Errorf("missing %v, want %v", f.Missing, c.missing)
			}
			if *f.Duplicates != c.duplicates || *f.Reordered != c.reordered || *f.Freezes != c.freezes {
				t.Errorf("%d duplicates, %d reordered, %d freezes", *f.Duplicates, *f.Reordered, *f.Freezes)
			}
			if d := *f.ReceivedPct - c.percent; d > 0.01 || d < -0.01 {
				t.Errorf("%v %%, want %v", *f.ReceivedPct, c.percent)
			}
		})
	}
}

func TestSequenceIsBounded(t *testing.T) {
	t.Parallel()
	var s sequence
	now := time.Now()
	s.record(0, now, now)
	s.record(1<<32, now, now)
	s.record(-1<<32, now, now)
	if len(s.missing) > maxMissingKept || s.missingCount != 1<<33-2 {
		t.Errorf("%d kept, %d counted", len(s.missing), s.missingCount)
	}
	var f Frames
	s.fill(&f, now)
	if len(f.Missing) != maxMissingListed {
		t.Errorf("%d listed", len(f.Missing))
	}
	var none Frames
	(&sequence{}).fill(&none, now)
	if none.Missing != nil || none.MissingCount != nil || none.ReceivedPct != nil {
		t.Errorf("something is known of no frames: %+v", none)
	}
}

func TestPacketMeter(t *testing.T) {
	t.Parallel()
	var m packetMeter
	now := time.Now()
	news := 0
	for _, n := range []uint16{65534, 65535, 1, 0, 0, 3, 65533, 4, 4} {
		if m.count(&rtp.Packet{Header: rtp.Header{SequenceNumber: n}, Payload: make([]byte, 10)}, now) {
			news++
		}
		now = now.Add(10 * time.Millisecond)
	}
	if news != 7 || m.packets != 7 || m.dup != 2 || m.reordered != 2 || m.lost() != 1 || m.bytes != 70 {
		t.Errorf("%d new, %d packets, %d twice, %d reordered, %d lost, %d bytes", news, m.packets, m.dup, m.reordered, m.lost(), m.bytes)
	}
	var media Media
	m.fill(&media)
	if !media.Flowing || *media.Lost != 1 || *media.LossPct != 12.5 || media.Kbps == nil {
		t.Errorf("%+v", media)
	}
	media = Media{}
	(&packetMeter{}).fill(&media)
	if media.Flowing || *media.Packets != 0 || media.Lost != nil || media.LossPct != nil || media.Kbps != nil {
		t.Errorf("of no packets: %+v", media)
	}
}
