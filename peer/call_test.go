package peer_test

import (
	"encoding/json"
	"testing"
	"time"

	"callbox/peer"
)

// frameCounter counts intact frames, and signals when there are enough.
type frameCounter struct {
	want   int
	enough chan struct{}
}

func newFrameCounter(want int) *frameCounter {
	return &frameCounter{want: want, enough: make(chan struct{})}
}

func (f *frameCounter) Frame(r peer.ReceivedFrame) {
	if r.Intact {
		if f.want--; f.want == 0 {
			close(f.enough)
		}
	}
}

func await(tb testing.TB, what string, c <-chan struct{}) {
	tb.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		tb.Fatal("in vain waited for: " + what)
	}
}

// join starts a call, and hangs it up at the end of the test if it has not ended by then.
func join(tb testing.TB, cfg peer.Config) *peer.Call {
	tb.Helper()
	c, err := peer.Join(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		c.Hangup()
		c.Wait()
	})
	return c
}

// callUntil makes a call between two bots until both have received frames, and hangs up a's side first.
func callUntil(tb testing.TB, a, b peer.Config, frames int) (ofA, ofB *peer.Report) {
	tb.Helper()
	toA, toB := newFrameCounter(frames), newFrameCounter(frames)
	a.Sink, b.Sink = toA, toB
	first := join(tb, a)
	second := join(tb, b)
	awaitFrames(tb, first, toA)
	awaitFrames(tb, second, toB)
	first.Hangup()
	return first.Wait(), second.Wait()
}

// awaitFrames waits until the sink of a call has its frames. If they do not come, the test fails with the call's report.
func awaitFrames(tb testing.TB, c *peer.Call, sink *frameCounter) {
	tb.Helper()
	select {
	case <-sink.enough:
		return
	case <-c.Done():
	case <-time.After(patience):
		c.Hangup()
	}
	report, err := json.MarshalIndent(c.Wait(), "", "\t")
	tb.Fatalf("no frames: %s %v", report, err)
}

// checkMedia checks that everything received was correct.
func checkMedia(tb testing.TB, r *peer.Report) {
	tb.Helper()
	if r.ExitCode != peer.Good || r.Result != peer.Pass {
		tb.Errorf("ended with %d, %s: %s", r.ExitCode, r.Result, r.Reason)
	}
	video, audio := r.Received("video"), r.Received("audio")
	if video == nil || audio == nil || video.Frames == nil {
		tb.Fatalf("media: %+v", r.Media)
	}
	f := video.Frames
	if f.Intact == nil || *f.Intact != *f.Received || *f.Corrupt != 0 || *f.MissingCount != 0 || *f.Duplicates != 0 {
		tb.Errorf("frames: %+v", f)
	}
	if *video.KeyFramesDecoded != *f.Received || *video.Codec != "video/VP8" || !video.Flowing {
		tb.Errorf("video: %+v", video)
	}
	if audio.Energy == nil || *audio.Energy < 0.02 || *audio.Energy > 0.04 || *audio.Codec != "audio/opus" {
		tb.Errorf("audio: %+v", audio)
	}
	for _, m := range r.Media {
		if m.Dir == "send" && (!m.Negotiated || !m.Flowing || m.Packets == nil || *m.Packets == 0 || *m.Bytes == 0) {
			tb.Errorf("sent %s: %+v", m.Kind, m)
		}
	}
	if audio.ToneHz == nil || *audio.ToneHz != peer.ToneHz {
		tb.Errorf("tone: %v", audio.ToneHz)
	}
}

func TestDirectCall(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := callUntil(t, s.bot(t, "Ann"), s.bot(t, "Bo"), 15)
	for _, r := range []*peer.Report{a, b} {
		checkMedia(t, r)
		if r.Path == nil || r.Path.Type != peer.Direct || r.Path.Local.RelayProtocol != nil || r.Path.Local.Protocol != "udp" {
			t.Errorf("path: %+v", r.Path)
		}
	}
	if *a.Peer.Role != peer.Caller || *b.Peer.Role != peer.Callee {
		t.Errorf("roles: %v, %v", *a.Peer.Role, *b.Peer.Role)
	}
}
