package load

import (
	"context"
	"time"

	"callbox/peer"
)

// sampleEvery is how often the meter looks.
const sampleEvery = 100 * time.Millisecond

// sample is what had been used at a moment.
type sample struct {
	at    time.Time
	usage peer.ProcessUsage
	busy  float64 // tally.pairSeconds
	pairs int     // connected
}

// meter measures what this process costs while all pairs are connected.
type meter struct {
	tally *tally
	pairs int // of the run

	first, steady, last sample // steady.at is zero before all pairs are connected
	most                int64  // resident bytes
}

// run samples until ctx ends.
func (m *meter) run(ctx context.Context, observe func(Progress)) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	before := m.first
	shown := before.at
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s := m.take(now)
			m.most = max(m.most, s.usage.Resident)
			m.note(s)
			if now.Sub(shown) < time.Second {
				continue
			}
			p := m.tally.progress()
			p.Elapsed, p.ResidentMB = now.Sub(m.first.at), float64(s.usage.Resident)/1e6
			p.CPUPct = 100 * (s.usage.CPU - before.usage.CPU).Seconds() / now.Sub(before.at).Seconds()
			observe(p)
			before, shown = s, now
		}
	}
}

// note keeps the first and the last sample of the time in which all pairs are connected.
func (m *meter) note(s sample) {
	if s.pairs < m.pairs {
		return
	}
	if m.steady.at.IsZero() {
		m.steady = s
	}
	m.last = s
}

func (m *meter) take(now time.Time) sample {
	busy := m.tally.pairSeconds(now)
	p := m.tally.progress()
	return sample{at: now, usage: peer.MeasureProcess(), busy: busy, pairs: p.Connected}
}

// cost returns what a pair costs; what could not be measured is null.
func (m *meter) cost(end sample) Cost {
	c := Cost{CPUSeconds: rounded((end.usage.CPU - m.first.usage.CPU).Seconds())}
	if m.most > 0 {
		c.RSSMB = new(rounded(float64(m.most) / 1e6))
	}
	span := m.last.at.Sub(m.steady.at).Seconds()
	if m.steady.at.IsZero() || span < 1 {
		return c
	}
	steadyCPU := (m.last.usage.CPU - m.steady.usage.CPU).Seconds()
	perPairSecond := steadyCPU / (m.last.busy - m.steady.busy)
	pct := rounded(100 * perPairSecond)
	c.PairPct, c.SteadyS = &pct, new(rounded(span))
	setup := (m.steady.usage.CPU - m.first.usage.CPU).Seconds() - perPairSecond*m.steady.busy
	c.SetupMS = new(rounded(1000 * setup / float64(m.pairs)))
	if m.most > 0 {
		c.PairMB = new(rounded(float64(m.last.usage.Resident-m.first.usage.Resident) / 1e6 / float64(m.pairs)))
	}
	return c
}
