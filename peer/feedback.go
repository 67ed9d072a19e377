package peer

import (
	"time"

	"github.com/pion/interceptor/pkg/stats"
)

// feedback is what the other side reports about one sent RTP stream (RTCP receiver
// reports, RFC 3550 section 6.4.2), and its bit rate, sampled about once a second.
type feedback struct {
	at      time.Time
	bytes   uint64
	reports uint64 // round trips measured so far
	rates   series // kbit/s
	rtts    series // ms
	jitters series // ms
}

// sample notes the numbers of a stream.
func (f *feedback) sample(n *stats.Stats, now time.Time) {
	sent := n.OutboundRTPStreamStats.BytesSent
	if span := now.Sub(f.at); !f.at.IsZero() && span > 0 && sent >= f.bytes {
		f.rates.add(float64(sent-f.bytes) * 8 / 1000 / span.Seconds())
	}
	f.at, f.bytes = now, sent
	if !reported(n) {
		return
	}
	f.jitters.add(1000 * n.RemoteInboundRTPStreamStats.Jitter)
	if count := n.RemoteInboundRTPStreamStats.RoundTripTimeMeasurements; count != f.reports {
		f.reports = count
		f.rtts.add(float64(n.RemoteInboundRTPStreamStats.RoundTripTime.Microseconds()) / 1000)
	}
}

// reported reports whether a receiver report has arrived. Firefox sends none about audio.
func reported(n *stats.Stats) bool {
	in := &n.RemoteInboundRTPStreamStats
	return in.PacketsReceived > 0 || in.PacketsLost > 0
}

// lostPackets returns how many packets the other side misses, and their percentage. Pion
// does not extend the sign of the number, which has 24 bits and is negative when packets
// arrived twice.
func lostPackets(n *stats.Stats) (lost int64, percent float64) {
	in := &n.RemoteInboundRTPStreamStats
	lost = in.PacketsLost
	if lost >= 1<<23 {
		lost -= 1 << 24
	}
	if expected := int64(in.PacketsReceived) + lost; lost > 0 && expected > 0 { //nolint:gosec // a counter of one call
		percent = min(100, 100*float64(lost)/float64(expected))
	}
	return lost, percent
}

// fill writes the samples into a report entry.
func (f *feedback) fill(m *Media) {
	m.JitterMS, m.RTTMS = f.jitters.distribution(), f.rtts.distribution()
	if d := f.rates.distribution(); d != nil {
		m.Kbps = &Rate{Mean: d.Mean, P50: &d.P50, P95: &d.P95, Max: &d.Max}
	}
}
