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
	var took []time.Duration
	for b.Loop() {
		first := join(b, s.bot(b, "Ann"))
		cfg := s.bot(b, "Bo")
		sink := &firstFrame{at: make(chan time.Time, 1)}
		cfg.Sink = sink
		start := time.Now()
		second := join(b, cfg)
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
