package peer

import (
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/stats"
)

func TestLostPackets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		received    uint64
		lost, want  int64
		wantPercent float64
	}{
		"none":              {100, 0, 0, 0},
		"a quarter":         {75, 25, 25, 25},
		"all":               {0, 10, 10, 100},
		"two arrived twice": {100, 1<<24 - 2, -2, 0},
	} {
		n := stats.Stats{RemoteInboundRTPStreamStats: stats.RemoteInboundRTPStreamStats{}}
		n.RemoteInboundRTPStreamStats.PacketsReceived, n.RemoteInboundRTPStreamStats.PacketsLost = c.received, c.lost
		if lost, percent := lostPackets(&n); lost != c.want || percent != c.wantPercent {
			t.Errorf("%s: %d, %v", name, lost, percent)
		}
	}
}

// A sample without a report of the other side says nothing about jitter and round trip.
func TestFeedbackWithoutReports(t *testing.T) {
	t.Parallel()
	var f feedback
	var n stats.Stats
	start := time.Now()
	for i := range 3 {
		n.OutboundRTPStreamStats.BytesSent = uint64(i) * 1000
		f.sample(&n, start.Add(time.Duration(i)*time.Second))
	}
	m := Media{}
	f.fill(&m)
	if m.JitterMS != nil || m.RTTMS != nil {
		t.Errorf("jitter %+v, round trip %+v", m.JitterMS, m.RTTMS)
	}
	if m.Kbps == nil || m.Kbps.Mean != 8 || *m.Kbps.Max != 8 {
		t.Errorf("rate %+v", m.Kbps)
	}
}

func TestFeedbackTakesEachRoundTripOnce(t *testing.T) {
	t.Parallel()
	var f feedback
	var n stats.Stats
	n.RemoteInboundRTPStreamStats.PacketsReceived = 1
	for i := range 6 {
		n.RemoteInboundRTPStreamStats.RoundTripTimeMeasurements = uint64(i / 2)
		n.RemoteInboundRTPStreamStats.RoundTripTime = time.Duration(i/2) * time.Millisecond
		f.sample(&n, time.Now())
	}
	if len(f.rtts) != 2 || f.rtts[0] != 1 || f.rtts[1] != 2 {
		t.Errorf("%v", f.rtts)
	}
}
