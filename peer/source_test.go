package peer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callbox/peer/pattern"
	"callbox/peer/pcmu"
	"callbox/peer/vp8"
)

func TestPatternIsPacedAndNumbered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		size := pattern.Size{Width: 320, Height: 240}
		source, err := Pattern(size, 25)
		if err != nil {
			t.Fatal(err)
		}
		decoder := vp8.Decoder{MaxPixels: 320 * 240}
		start := time.Now()
		for n := range 50 {
			frame, err := source.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if due := time.Duration(n) * 40 * time.Millisecond; time.Since(start) != due || frame.Duration != 40*time.Millisecond {
				t.Fatalf("frame %d came after %v, want %v", n, time.Since(start), due)
			}
			picture, err := decoder.Decode(frame.Data)
			if err != nil {
				t.Fatal(err)
			}
			if stamp, err := pattern.Read(picture); err != nil || int(stamp.Number) != n || stamp.Clock.UnixMilli() != time.Now().UnixMilli() {
				t.Fatalf("frame %d says %v, %v", n, stamp, err)
			}
		}
	})
}

// A source that was delayed catches up, unless the delay was too long.
func TestPacerCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacer{step: 100 * time.Millisecond}
		wait := func() time.Duration {
			before := time.Now()
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			return time.Since(before)
		}
		wait()
		<-time.After(350 * time.Millisecond)
		for i, want := range []time.Duration{0, 0, 0, 50 * time.Millisecond, 100 * time.Millisecond} {
			if got := wait(); got != want {
				t.Errorf("after being held up, wait %d took %v, want %v", i, got, want)
			}
		}
		<-time.After(10 * time.Second)
		if got := wait(); got != 0 {
			t.Errorf("waited %v", got)
		}
		if got := wait(); got != 100*time.Millisecond {
			t.Errorf("waited %v after a long hold-up", got)
		}
	})
}

func TestSourcesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	video, err := Pattern(pattern.Size{Width: 320, Height: 240}, 1)
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	tone := Tone()
	if _, err := video.Next(ctx); err != nil {
		t.Fatal(err)
	}
	cancel(why)
	if _, err := video.Next(ctx); !errors.Is(err, why) {
		t.Errorf("video: %v", err)
	}
	for range 2 { // the first packet is due at once, and may still come
		if _, err = tone.Next(ctx); err != nil {
			break
		}
	}
	if !errors.Is(err, why) {
		t.Errorf("tone: %v", err)
	}
}

func TestToneAndSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var heard, silent pcmu.Meter
		tone, silence := Tone(), Silence()
		for range 100 {
			block, err := tone.Next(t.Context())
			if err != nil || len(block) != 160 {
				t.Fatal(len(block), err)
			}
			heard.Write(block)
			if block, err = silence.Next(t.Context()); err != nil || len(block) != 160 {
				t.Fatal(len(block), err)
			}
			silent.Write(block)
		}
		if hz, ok := heard.ToneHz(); !ok || hz != ToneHz {
			t.Errorf("the tone is %v, %v", hz, ok)
		}
		if energy, ok := silent.Energy(); !ok || energy != 0 {
			t.Errorf("silence has energy %v", energy)
		}
	})
}

// A beep begins with the frame that it belongs to, within a packet, and has its pitch.
func TestBeeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const fps, beeps = 15, 2*BeepPitches + 1
		video, audio, err := PatternWithBeeps(pattern.Size{Width: 256, Height: 128}, fps)
		if err != nil {
			t.Fatal(err)
		}
		made := make(chan time.Time, beeps)
		go func() {
			for n := range fps*(beeps-1) + 1 {
				if _, err := video.Next(t.Context()); err != nil {
					return
				}
				if n%fps == 0 {
					made <- time.Now()
				}
			}
		}()
		var beep *pcmu.Meter
		for heard := 0; heard < beeps; {
			packet, err := audio.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var loud pcmu.Meter
			loud.Write(packet)
			energy, _ := loud.Energy()
			switch {
			case energy == 0 && beep != nil: // it is over
				if hz, ok := beep.ToneHz(); !ok || hz != BeepHz(heard) || beep.Samples() != 800 {
					t.Errorf("beep %d has %d samples with a pitch of %v", heard, beep.Samples(), hz)
				}
				heard, beep = heard+1, nil
			case energy > 0 && beep == nil:
				beep = new(pcmu.Meter)
				if late := time.Since(<-made); late > packetTime {
					t.Errorf("beep %d is %v late", heard, late)
				}
			}
			if beep != nil {
				beep.Write(packet)
			}
		}
	})
}

func TestPatternRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size pattern.Size
		fps  int
		want string
	}{
		{pattern.Size{Width: 640, Height: 360}, 15, "multiples of 16"},
		{pattern.Size{Width: 16, Height: 16}, 15, "from 256x128"},
		{pattern.Size{Width: 320, Height: 240}, 0, "frames per second"},
		{pattern.Size{Width: 320, Height: 240}, 61, "frames per second"},
	} {
		if _, err := Pattern(c.size, c.fps); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %d: %v", c.size, c.fps, err)
		}
	}
}
