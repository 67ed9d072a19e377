package peer

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// packetsOf feeds n packets of 100 bytes, 20 ms apart, except those that are lost, each
// late by as much as late says.
func packetsOf(f *flow, n int, lost func(int) bool, late func(int) time.Duration) (end time.Time) {
	start := time.Now()
	for i := range n {
		at := start.Add(time.Duration(i) * 20 * time.Millisecond)
		end = at
		if !lost(i) {
			p := &rtp.Packet{Payload: make([]byte, 100)}
			p.SequenceNumber, p.Timestamp = uint16(65000+i), uint32(i)*160+math.MaxUint32-1000
			f.count(p, at.Add(late(i)))
		}
	}
	return end.Add(20 * time.Millisecond)
}

func never(int) bool { return false }

func punctual(int) time.Duration { return 0 }

func TestFlowMeasuresRateAndJitter(t *testing.T) {
	t.Parallel()
	f := newFlow(8000)
	alternating := func(i int) time.Duration { return time.Duration(i%2) * 8 * time.Millisecond }
	end := packetsOf(f, 500, never, alternating) // 10 s
	m := Media{Kbps: &Rate{Mean: 40}}
	f.fill(&m, end.Add(100*time.Millisecond))
	if m.JitterMS == nil || math.Abs(m.JitterMS.Max-8) > 0.2 || m.JitterMS.Min > m.JitterMS.P50 {
		t.Errorf("jitter %+v; the packets come alternately 8 ms too late and too early", m.JitterMS)
	}
	if m.Kbps.P50 == nil || *m.Kbps.P50 != 40 || *m.Kbps.Max > 41 {
		t.Errorf("rate %+v", m.Kbps)
	}
	if r := f.burstRatio(); r != 1 {
		t.Errorf("burst ratio %v without loss", r)
	}
}

func TestFlowOfOnePacketHasNoJitter(t *testing.T) {
	t.Parallel()
	f := newFlow(8000)
	end := packetsOf(f, 1, never, punctual)
	m := Media{Kbps: &Rate{}}
	f.fill(&m, end)
	if m.JitterMS != nil || m.Kbps.P95 != nil {
		t.Errorf("%+v, %+v", m.JitterMS, m.Kbps)
	}
}

func TestFlowTellsBurstsFromSingleLosses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lost      func(int) bool
		low, high float64
	}{
		"every tenth":          {func(i int) bool { return i%10 == 5 }, 1, 1},
		"ten in a hundred":     {func(i int) bool { return i%100 >= 50 && i%100 < 60 }, 8.9, 9.1},
		"a hole of 700 and on": {func(i int) bool { return i >= 600 && i < 1300 }, 400, 700},
	} {
		f := newFlow(8000)
		packetsOf(f, 2000, c.lost, punctual)
		if r := f.burstRatio(); r < c.low || r > c.high {
			t.Errorf("%s: %v", name, r)
		}
		total := int64(0)
		for i := range 2000 {
			if c.lost(i) {
				total++
			}
		}
		if f.lost != total {
			t.Errorf("%s: %d lost, counted %d", name, total, f.lost)
		}
	}
}

// A packet that arrives late, for example sent again after a NACK, is not lost, and its delay
// is not that of the path.
func TestFlowTakesLatePackets(t *testing.T) {
	t.Parallel()
	f := newFlow(8000)
	start := time.Now()
	for i, n := range []uint16{1, 2, 4, 5, 3, 6, 6} {
		p := &rtp.Packet{Payload: make([]byte, 100)}
		p.SequenceNumber, p.Timestamp = n, uint32(n)*160
		f.count(p, start.Add(time.Duration(i)*20*time.Millisecond))
	}
	f.burstRatio()
	if f.lost != 0 {
		t.Errorf("%d lost", f.lost)
	}
}

func TestClockBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		exchange := func(b *clockBounds, there, back, ahead time.Duration) {
			remote := now.Add(there + ahead).Truncate(time.Millisecond)
			b.note(now, now.Add(there+back), remote)
		}
		var none clockBounds
		if none.latency(series{1}) != nil {
			t.Error("a latency without an answer")
		}
		var one clockBounds
		exchange(&one, time.Millisecond, time.Millisecond, 0)
		if l := one.latency(series{5}); l == nil || l.Clock != SameClock || l.P50 != 5 || l.ErrorMS > 3 {
			t.Errorf("one clock: %+v", l)
		}
		var two clockBounds
		exchange(&two, 40*time.Millisecond, 60*time.Millisecond, time.Minute)
		exchange(&two, 10*time.Millisecond, 20*time.Millisecond, time.Minute)
		// A frame that took 30 ms seems to have come before it was made.
		l := two.latency(series{30 - 60_000})
		if l == nil || l.Clock != SyncedClock || math.Abs(l.P50-30) > l.ErrorMS || l.ErrorMS > 16 {
			t.Errorf("two clocks: %+v", l)
		}
		exchange(&two, 10*time.Millisecond, 20*time.Millisecond, 0) // the clock was set
		if l := two.latency(series{30}); l == nil || l.Clock != SameClock {
			t.Errorf("after the clock was set: %+v", l)
		}
	})
}
