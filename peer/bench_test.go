package peer_test

import (
	"slices"
	"testing"
	"time"

	"callbox/peer"
)

// firstFrame signals the first decoded frame.
type firstFrame struct{ at chan time.Time }

func (f *firstFrame) Frame(r peer.ReceivedFrame) {
	if r.KeyFrame {
		select {
		case f.at <- r.At:
		default:
		}
	}
}

// BenchmarkJoinToFirstFrame measures, at the newcomer of two peers on loopback, the time
// from Join to the first frame decoded. The target is 150 ms at the median.
func BenchmarkJoinToFirstFrame(b *testing.B) {
	s := serve(b, nil)
	measureFirstFrame(b, func() (ann, bo peer.Config) { return s.bot(b, "Ann"), s.bot(b, "Bo") })
}

// BenchmarkJoinToFirstFrameOverRelay measures the same between two homes behind symmetric
// NATs, where only a relay connects. The target is 450 ms at the median.
func BenchmarkJoinToFirstFrameOverRelay(b *testing.B) {
	in := newInternet(b, symmetric)
	s := in.serve(b)
	measureFirstFrame(b, func() (ann, bo peer.Config) { return in.bots(b, s, peer.All) })
}

func measureFirstFrame(b *testing.B, peers func() (ann, bo peer.Config)) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		ann, bo := peers()
		first := join(b, ann)
		sink := &firstFrame{at: make(chan time.Time, 1)}
		bo.Sink = sink
		start := time.Now()
		second := join(b, bo)
		took = append(took, (<-sink.at).Sub(start))
		second.Hangup()
		first.Hangup()
		second.Wait()
		first.Wait()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}
