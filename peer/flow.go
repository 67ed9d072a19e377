package peer

import (
	"math"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// flow measures one received RTP stream over time: bit rate, jitter, and whether packets
// were lost alone or in bursts.
type flow struct {
	clockRate float64 // of the RTP timestamps, in Hz

	mu       sync.Mutex
	first    int64 // extended sequence numbers; 0 = none yet
	highest  int64
	arrived  time.Time
	stamp    uint32
	jitter   float64 // in seconds, RFC 3550 section 6.4.1
	jitters  series  // in ms, once a second
	rates    series  // in kbit/s, of each second
	second   time.Time
	bytes    int
	measured bool // a jitter is known
	seen     [lossWindow]bool
	settled  int64 // the sequence number up to which losses are final
	lost     int64
	bursts   int64
	lastLost bool
}

// lossWindow is after how many further packets a missing one counts as lost for good.
const lossWindow = 512

func newFlow(clockRate uint32) *flow { return &flow{clockRate: float64(clockRate)} }

// count measures a packet, and reports whether others before it have not arrived.
func (f *flow) count(p *rtp.Packet, now time.Time) (gap bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	f.bytes += len(p.Payload)
	if f.highest == 0 {
		f.highest = int64(p.SequenceNumber) + 1<<16
		f.first, f.settled = f.highest, f.highest
		f.arrived, f.stamp = now, p.Timestamp
		f.seen[f.highest%lossWindow] = true
		return false
	}
	step := int64(int16(p.SequenceNumber - uint16(f.highest))) //nolint:gosec // RFC 3550 A.1: the nearest number with these low bits
	if at := f.highest + step; step <= 0 {
		if at > f.settled {
			f.seen[at%lossWindow] = true // late, or sent again: not lost, but its delay says nothing about the path
		}
		return false
	}
	f.settle(f.highest+step-lossWindow, f.highest)
	for n := f.highest + 1; n < f.highest+step; n++ {
		f.seen[n%lossWindow] = false
	}
	f.highest += step
	f.seen[f.highest%lossWindow] = true
	f.measureJitter(p.Timestamp, now)
	return step > 1
}

// measureJitter updates the jitter. Packets of one frame have one timestamp, but are sent
// one after the other, so only the first of them counts.
func (f *flow) measureJitter(stamp uint32, now time.Time) {
	ticks := int32(stamp - f.stamp) //nolint:gosec // the nearest difference modulo 2^32
	if ticks == 0 || f.clockRate == 0 {
		return
	}
	d := now.Sub(f.arrived).Seconds() - float64(ticks)/f.clockRate
	f.jitter += (math.Abs(d) - f.jitter) / 16
	f.measured = true
	f.arrived, f.stamp = now, stamp
}

// settle makes the losses up to number final.
func (f *flow) settle(number, known int64) {
	for n := f.settled + 1; n <= min(number, known); n++ {
		missing := !f.seen[n%lossWindow]
		if missing {
			f.lost++
			if !f.lastLost {
				f.bursts++
			}
		}
		f.lastLost = missing
	}
	if gap := number - max(f.settled, known); gap > 0 { // a jump wider than the window
		f.lost += gap
		if !f.lastLost {
			f.bursts++
		}
		f.lastLost = true
	}
	f.settled = max(f.settled, number)
}

// turn ends the seconds that are over.
func (f *flow) turn(now time.Time) {
	if f.second.IsZero() {
		f.second = now
	}
	for now.Sub(f.second) >= time.Second && len(f.rates) < maxSeries {
		f.rates.add(float64(f.bytes) * 8 / 1000)
		if f.measured {
			f.jitters.add(1000 * f.jitter)
		}
		f.bytes = 0
		f.second = f.second.Add(time.Second)
	}
}

// fill writes the results into a report entry. The last, unfinished second does not count.
func (f *flow) fill(m *Media, end time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(end)
	jitters := f.jitters
	if len(jitters) == 0 && f.measured {
		jitters = series{1000 * f.jitter}
	}
	m.JitterMS = jitters.distribution()
	if d := f.rates.distribution(); m.Kbps != nil && d != nil {
		m.Kbps.P50, m.Kbps.P95, m.Kbps.Max = &d.P50, &d.P95, &d.Max
	}
}

// burstRatio returns the mean length of a run of lost packets, divided by what it would be
// if packets were lost independently of each other (ITU-T G.107, BurstR): 1 = independently.
func (f *flow) burstRatio() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.highest, f.highest)
	if f.bursts == 0 {
		return 1
	}
	lost, total := float64(f.lost), float64(f.settled-f.first)
	return max(1, lost/float64(f.bursts)*(1-lost/total))
}
