package peer_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/ctl"
	"callbox/peer/pattern"
)

// pair returns a connected call between two bots.
func pair(t *testing.T, a, b peer.Config) (first, second *peer.Call) {
	t.Helper()
	first, second = join(t, a), join(t, b)
	for _, call := range []*peer.Call{first, second} {
		if err := call.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return first, second
}

// The other side hears that something was switched off, gets nothing of it, and misses no
// frame.
func TestMute(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	for _, muted := range []bool{true, false} {
		if err := bot.Mute(t.Context(), "audio", muted); err != nil {
			t.Fatal(err)
		}
		if state, ok := w.told().(ctl.State); !ok || state.Audio == muted || !state.Video {
			t.Errorf("muted %t: %#v", muted, state)
		}
	}
	if err := bot.Mute(t.Context(), "smell", true); !errors.Is(err, peer.ErrNotSent) {
		t.Errorf("%v", err)
	}
}

func TestMutedVideo(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := pair(t, s.bot(t, "Ann"), s.bot(t, "Bo"))
	if err := b.WaitFrames(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if err := a.Mute(t.Context(), "video", true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Ping(t.Context()); err != nil { // what was under way has arrived
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := b.WaitFrames(ctx, 1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	received := b.Frames()
	if err := a.Mute(t.Context(), "video", false); err != nil {
		t.Fatal(err)
	}
	if err := b.WaitFrames(t.Context(), received+10); err != nil {
		t.Fatal(err)
	}
	a.Close()
	f := b.Wait().Received("video").Frames
	if f.Intact == nil || *f.Intact != *f.Received || *f.MissingCount != 0 || *f.LongestGapMS < 250 {
		t.Errorf("%+v", f)
	}
}

// The wait for frames ends with the call.
func TestWaitFramesInVain(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	quiet := s.bot(t, "Bo")
	quiet.Video = nil
	a, b := pair(t, s.bot(t, "Ann"), quiet)
	if err := b.WaitFrames(t.Context(), 1); err != nil {
		t.Error(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- a.WaitFrames(t.Context(), 1) }()
	b.Close()
	if err := next(t, "the end of the wait", waited); !errors.Is(err, peer.ErrCallEnded) {
		t.Errorf("%v", err)
	}
	if err := b.Mute(t.Context(), "video", true); !errors.Is(err, peer.ErrNotSent) {
		t.Errorf("%v", err)
	}
}

// endless is a source of the codecs that it names; it has no samples.
type endless []peer.Codec

func (e endless) Codecs() []peer.Codec { return e }

func (e endless) Next(context.Context, peer.Codec) (peer.Sample, error) { return peer.Sample{}, io.EOF }

// Another source takes the place of one that has ended, and of one that goes on.
func TestReplaceSource(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.bot(t, "Ann")
	cfg.Video = endless{peer.VP8}
	a, b := pair(t, cfg, s.bot(t, "Bo"))
	for round := range 2 {
		video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
		if err != nil {
			t.Fatal(err)
		}
		before := b.Frames()
		if round == 0 && before > 0 {
			t.Errorf("%d frames from nothing", before)
		}
		if err := a.ReplaceSource("video", video); err != nil {
			t.Fatal(err)
		}
		if err := b.WaitFrames(t.Context(), before+10); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.ReplaceSource("video", endless{peer.H264, peer.AV1}); !errors.Is(err, peer.ErrCodec) {
		t.Errorf("%v", err)
	}
	a.Close()
	if f := b.Wait().Received("video").Frames; f.Intact == nil || *f.Intact < 20 || *f.Corrupt != 0 {
		t.Errorf("%+v", f)
	}
}
