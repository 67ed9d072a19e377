package whep_test

import (
	"testing"
	"time"

	"callbox/internal/wishtest"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/whep"
)

const patience = 30 * time.Second

// Every frame that the server sends arrives intact.
func TestPlay(t *testing.T) {
	t.Parallel()
	s := wishtest.New(t)
	var err error
	if s.Source, err = peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20); err != nil {
		t.Fatal(err)
	}
	signaler, err := whep.New(whep.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	enough, count := make(chan struct{}), 0
	call, err := peer.Join(t.Context(), peer.Config{
		Server: s.URL, Signaler: signaler, Duration: -1, ConnectTimeout: patience,
		Audio: peer.Tone(), // not used
		Sink: peer.SinkFunc(func(peer.ReceivedFrame) {
			if count++; count == 20 {
				close(enough)
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(call.Close)
	select {
	case <-enough:
	case <-time.After(patience):
		t.Fatal("no frames")
	}
	call.Hangup()
	r := call.Wait()
	video := r.Received("video")
	if r.ExitCode != peer.Good || video == nil || video.Frames.Intact == nil || *video.Frames.Intact < 20 || *video.Frames.Corrupt != 0 {
		t.Errorf("%d, %s: %+v", r.ExitCode, r.Reason, video)
	}
	for _, m := range r.Media {
		if m.Dir == "send" && m.Negotiated {
			t.Errorf("%+v", m)
		}
	}
}
