package peer_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"callbox/peer"
)

// changedVideo modifies the frames of a source.
type changedVideo struct {
	peer.Source
	change func(n int, data []byte) []byte // nil ends the video
	n      int
}

func (v *changedVideo) Next(ctx context.Context, codec peer.Codec) (peer.Sample, error) {
	f, err := v.Source.Next(ctx, codec)
	if err == nil {
		if f.Data = v.change(v.n, f.Data); f.Data == nil {
			return f, io.EOF
		}
	}
	v.n++
	return f, err
}

// frames signals when a number of frames have been received, intact or not.
type frames struct {
	want   int
	enough chan struct{}
}

func (f *frames) Frame(r peer.ReceivedFrame) {
	if r.Codec.Kind() != "video" {
		return
	}
	if f.want--; f.want == 0 {
		close(f.enough)
	}
}

// callFaultyBot calls a bot whose video is modified, until frames have been received,
// and returns the report of the receiver.
func callFaultyBot(t *testing.T, expect string, count int, fault func(*peer.Config)) *peer.Report {
	t.Helper()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	var err error
	if a.Expect, err = peer.ParseExpectations(expect); err != nil {
		t.Fatal(err)
	}
	sink := &frames{want: count, enough: make(chan struct{})}
	a.Sink = sink
	fault(&b)
	first := join(t, a)
	join(t, b)
	await(t, "frames", sink.enough)
	first.Hangup()
	return first.Wait()
}

func TestFlippedByteIsNoticed(t *testing.T) {
	t.Parallel()
	r := callFaultyBot(t, "frames=100%,intact=100%", 20, func(b *peer.Config) {
		b.Video = &changedVideo{Source: b.Video, change: func(n int, data []byte) []byte {
			if n != 10 {
				return data
			}
			data = slices.Clone(data)
			data[len(data)/2] ^= 1
			return data
		}}
	})
	checkOutcome(t, r, peer.ExpectationFailed, "not every expectation")
	f := r.Received("video").Frames
	if *f.Corrupt != 1 || *f.Intact != *f.Received-1 || *f.MissingCount != 0 {
		t.Errorf("%d received, %d intact, %d corrupt, %d missing", *f.Received, *f.Intact, *f.Corrupt, *f.MissingCount)
	}
	if !r.Expect[0].OK || r.Expect[1].OK {
		t.Errorf("expected: %+v", r.Expect)
	}
}

func TestUnreadableFrameKeepsItsPlace(t *testing.T) {
	t.Parallel()
	r := callFaultyBot(t, "intact=100%", 20, func(b *peer.Config) {
		b.Video = &changedVideo{Source: b.Video, change: func(n int, data []byte) []byte {
			if n == 10 {
				return append(slices.Clone(data[:10]), make([]byte, 50)...)
			}
			return data
		}}
	})
	checkOutcome(t, r, peer.ExpectationFailed, "not every expectation")
	if f := r.Received("video").Frames; *f.Corrupt != 1 || *f.MissingCount != 0 || *f.Duplicates != 0 {
		t.Errorf("%d corrupt, %d missing, %d duplicates", *f.Corrupt, *f.MissingCount, *f.Duplicates)
	}
}

func TestFrozenVideoIsNoticed(t *testing.T) {
	t.Parallel()
	var first []byte
	r := callFaultyBot(t, "frames>=95%", 40, func(b *peer.Config) {
		b.Video = &changedVideo{Source: b.Video, change: func(n int, data []byte) []byte {
			if n <= 5 {
				first = slices.Clone(data)
			}
			return first
		}}
	})
	checkOutcome(t, r, peer.ExpectationFailed, "not every expectation")
	f := r.Received("video").Frames
	if *f.Duplicates != *f.Received-6 || *f.MissingCount != 0 || *f.Freezes == 0 {
		t.Errorf("%d received, %d duplicates, %d missing, %d freezes", *f.Received, *f.Duplicates, *f.MissingCount, *f.Freezes)
	}
}

func TestDroppedFramesAreNoticed(t *testing.T) {
	t.Parallel()
	r := callFaultyBot(t, "frames=100%,intact=100%", 20, func(b *peer.Config) {
		source := b.Video
		b.Video = &changedVideo{Source: source, change: func(n int, data []byte) []byte {
			if n == 5 || n == 6 {
				f, err := source.Next(t.Context(), peer.VP8) // the next one instead
				if err != nil {
					t.Error(err)
				}
				return f.Data
			}
			return data
		}}
	})
	checkOutcome(t, r, peer.ExpectationFailed, "not every expectation")
	if f := r.Received("video").Frames; !slices.Equal(f.Missing, []int64{5, 7}) || *f.MissingCount != 2 {
		t.Errorf("missing: %v", f.Missing)
	}
}

func TestSilentToneIsNoticed(t *testing.T) {
	t.Parallel()
	r := callFaultyBot(t, "", 20, func(b *peer.Config) { b.Audio = peer.Silence() })
	checkOutcome(t, r, peer.Good, "")
	m := r.Received("audio")
	if !m.Flowing || m.Energy == nil || *m.Energy != 0 || m.ToneHz != nil {
		t.Errorf("sound: %+v", m)
	}
}

// Video other than the pattern is counted by the picture IDs of its RTP payload.
func TestForeignVideoIsCounted(t *testing.T) {
	t.Parallel()
	r := callFaultyBot(t, "frames=100%", 20, func(b *peer.Config) {
		b.Video = &changedVideo{Source: b.Video, change: func(n int, _ []byte) []byte {
			if n%5 == 0 {
				return plainFrame(n)
			}
			return []byte{0x11, 0, 0, byte(n)} // an inter frame, which nobody here decodes
		}}
	})
	checkOutcome(t, r, peer.Good, "")
	m := r.Received("video")
	if f := m.Frames; f.Intact != nil || f.Corrupt != nil || *f.MissingCount != 0 || *f.ReceivedPct != 100 {
		t.Errorf("frames: %+v", f)
	}
	if *m.KeyFramesDecoded < 4 || *m.KeyFramesDecoded >= *m.Frames.Received {
		t.Errorf("%d key frames decoded of %d frames", *m.KeyFramesDecoded, *m.Frames.Received)
	}
}

func TestExpectationOfWhatIsUnknownFails(t *testing.T) {
	t.Parallel()
	r := callFaultyBot(t, "intact=100%", 5, func(b *peer.Config) {
		b.Video = &changedVideo{Source: b.Video, change: func(n int, _ []byte) []byte { return plainFrame(n) }}
	})
	checkOutcome(t, r, peer.ExpectationFailed, "not every expectation")
	if r.Expect[0].Actual != nil || r.Expect[0].OK {
		t.Errorf("expected: %+v", r.Expect[0])
	}
}

// A source that ends does not end the call, and the frames that should follow count as due.
func TestVideoThatEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	b.Video = &changedVideo{Source: b.Video, change: func(n int, data []byte) []byte {
		if n < 5 {
			return data
		}
		return nil
	}}
	listened := &packets{want: 3 * 50, enough: make(chan struct{})}
	a.Sink = listened
	first := join(t, a)
	join(t, b)
	await(t, "sound", listened.enough)
	first.Hangup()
	f := first.Wait().Received("video").Frames
	if *f.Received != 5 || *f.ReceivedPct > 75 || *f.Freezes == 0 || *f.LongestGapMS < 1000 {
		t.Errorf("%d received, %.1f %%, %d freezes, longest gap %.0f ms", *f.Received, *f.ReceivedPct, *f.Freezes, *f.LongestGapMS)
	}
}
