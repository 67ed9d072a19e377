package peer_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"callbox/peer"
	"callbox/peer/ctl"
)

// sendFrames sends frames until the test ends.
func (p *page) sendFrames() {
	track := p.pc.GetSenders()[0].Track().(*webrtc.TrackLocalStaticSample)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = track.WriteSample(media.Sample{Data: []byte{0x11, 0, 0, 1}, Duration: 20 * time.Millisecond})
		case <-p.t.Context().Done():
			return
		}
	}
}

// Nothing is recorded before the other side has confirmed that it knows. An end without the
// channel ctl is recorded at once.
func TestRecordingWaitsUntilTheOtherSideKnows(t *testing.T) {
	t.Parallel()
	for name, marks := range map[string]bool{"with ctl": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			cfg := s.bot(t, "bot")
			var received, recorded atomic.Int64
			recording := make(chan struct{}, 1000)
			cfg.Sink = peer.SinkFunc(func(peer.ReceivedFrame) { received.Add(1) })
			cfg.Record = peer.SinkFunc(func(peer.ReceivedFrame) {
				recorded.Add(1)
				select {
				case recording <- struct{}{}:
				default:
				}
			})
			bot := join(t, cfg)
			w := newTalker(t, s, marks)
			w.recorded = true
			if !marks {
				w.answerCall(1)
				go w.sendFrames()
				next(t, "a frame", recording)
				return
			}
			w.greet()
			go w.sendFrames()
			var ping ctl.Ping
			for ping.N == 0 {
				m, err := ctl.Decode([]byte(next(t, "a ping", w.heard)))
				if err != nil {
					t.Fatal(err)
				}
				ping, _ = m.(ctl.Ping)
			}
			if err := bot.WaitFrames(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
			w.tell(ctl.Pong{N: ping.N - 1, T: ping.T}) // of something before
			if err := bot.WaitFrames(t.Context(), int(received.Load())+10); err != nil {
				t.Fatal(err)
			}
			if n := recorded.Load(); n > 0 {
				t.Errorf("%d frames were recorded before the other side knew", n)
			}
			w.tell(ctl.Pong{N: ping.N, T: ping.T})
			next(t, "a frame", recording)
		})
	}
}
