package peer

import (
	"testing"
	"testing/synctest"
	"time"

	"callbox/peer/pattern"
)

// The frames of a shared pattern are those of the pattern, in order and in time, and only
// they are recognised.
func TestSharedPattern(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		size := pattern.Size{Width: 256, Height: 128}
		p, err := NewSharedPattern(size, 10)
		if err != nil {
			t.Fatal(err)
		}
		one, two := p.Source(), p.Source()
		for number := uint32(1); number < 2*sharedFrames; number++ {
			for _, source := range []Source{one, two} {
				sample, err := source.Next(t.Context(), VP8)
				if err != nil {
					t.Fatal(err)
				}
				stamp, ok := p.find(sample.Data)
				late := time.Since(stamp.Clock)
				if !ok || stamp.Number != number || late < 0 || late > time.Millisecond || sample.Duration != 100*time.Millisecond {
					t.Fatalf("%+v, %t, late by %v; want number %d", stamp, ok, late, number)
				}
				if want := pattern.AppendFrame(nil, size, stamp); string(want) != string(sample.Data) {
					t.Fatalf("frame %d is not that of the pattern", number)
				}
				altered := append([]byte(nil), sample.Data...)
				altered[len(altered)/2] ^= 1
				if _, ok := p.find(altered); ok {
					t.Fatal("an altered frame is recognised")
				}
			}
		}
		if len(p.known) > sharedLanes*sharedFrames {
			t.Errorf("%d frames are kept", len(p.known))
		}
		<-time.After(time.Minute) // a source that was not asked for long leaves frames out
		sample, err := one.Next(t.Context(), VP8)
		if stamp, ok := p.find(sample.Data); err != nil || !ok || time.Since(stamp.Clock) > time.Millisecond {
			t.Errorf("%v, %t, %+v", err, ok, stamp)
		}
	})
	if _, err := NewSharedPattern(pattern.Size{Width: 1, Height: 1}, 10); err == nil {
		t.Error("a size of 1x1 is taken")
	}
	if _, err := NewSharedPattern(pattern.Size{Width: 256, Height: 128}, 0); err == nil {
		t.Error("0 frames a second are taken")
	}
}
