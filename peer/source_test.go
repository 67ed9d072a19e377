package peer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callbox/peer/opus"
	"callbox/peer/pattern"
	"callbox/peer/pcmu"
	"callbox/peer/sound"
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
			frame, err := source.Next(t.Context(), VP8)
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
	if _, err := video.Next(ctx, VP8); err != nil {
		t.Fatal(err)
	}
	cancel(why)
	if _, err := video.Next(ctx, VP8); !errors.Is(err, why) {
		t.Errorf("video: %v", err)
	}
	for range 2 { // the first packet is due at once, and may still come
		if _, err = tone.Next(ctx, PCMU); err != nil {
			break
		}
	}
	if !errors.Is(err, why) {
		t.Errorf("tone: %v", err)
	}
}

// decoder returns a function that decodes a codec.
func decoder(t *testing.T, codec Codec) func(Sample) []int16 {
	t.Helper()
	if codec == PCMU {
		return func(s Sample) []int16 { return pcmu.AppendDecoded(nil, s.Data) }
	}
	d := opus.NewDecoder()
	return func(s Sample) []int16 {
		samples, err := d.Decode(s.Data)
		if err != nil {
			t.Error(err)
		}
		return samples
	}
}

func TestSounds(t *testing.T) {
	t.Parallel()
	for _, codec := range []Codec{Opus, PCMU} {
		for name, c := range map[string]struct {
			source              Source
			lowest, highest     float64 // energy
			lowestHz, highestHz float64
		}{
			"tone":    {Tone(), 0.028, 0.034, ToneHz, ToneHz},
			"speech":  {Speech(), 0.005, 0.05, 100, 1000},
			"silence": {Silence(), 0, 0, 0, 0},
		} {
			synctest.Test(t, func(t *testing.T) {
				var heard sound.Meter
				decode := decoder(t, codec)
				start := time.Now()
				for range 200 {
					sample, err := c.source.Next(t.Context(), codec)
					if err != nil || sample.Duration != packetTime {
						t.Fatal(sample.Duration, err)
					}
					samples := decode(sample)
					if len(samples) != packetSamples {
						t.Fatalf("%d samples", len(samples))
					}
					heard.Write(samples)
				}
				if took := time.Since(start); took != 199*packetTime {
					t.Errorf("%s in %s: 200 packets took %v", name, codec, took)
				}
				energy, _ := heard.Energy()
				hz, _ := heard.ToneHz()
				if energy < c.lowest || energy > c.highest || hz < c.lowestHz || hz > c.highestHz {
					t.Errorf("%s in %s: energy %.3f at %v Hz", name, codec, energy, hz)
				}
			})
		}
	}
}

func TestSoundCodecs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ chosen, want []Codec }{
		{nil, []Codec{Opus, PCMU}},
		{[]Codec{PCMU}, []Codec{PCMU}},
		{[]Codec{PCMU, Opus}, []Codec{PCMU, Opus}},
		{[]Codec{VP8, Opus}, []Codec{Opus}},
		{[]Codec{VP8}, []Codec{Opus, PCMU}},
	} {
		if got := Tone(c.chosen...).Codecs(); !slices.Equal(got, c.want) {
			t.Errorf("of %v the tone has %v", c.chosen, got)
		}
	}
}

// A beep begins with the frame that it belongs to, within a packet, and has its pitch.
func TestBeeps(t *testing.T) {
	t.Parallel()
	for _, codec := range []Codec{Opus, PCMU} {
		synctest.Test(t, func(t *testing.T) { checkBeeps(t, codec) })
	}
}

func checkBeeps(t *testing.T, codec Codec) {
	t.Helper()
	const fps, beeps, audible = 15, 2*BeepPitches + 1, 0.01
	video, audio, err := PatternWithBeeps(pattern.Size{Width: 256, Height: 128}, fps)
	if err != nil {
		t.Fatal(err)
	}
	made := make(chan time.Time, beeps)
	go func() {
		for n := range fps*(beeps-1) + 1 {
			if _, err := video.Next(t.Context(), VP8); err != nil {
				return
			}
			if n%fps == 0 {
				made <- time.Now()
			}
		}
	}()
	decode := decoder(t, codec)
	var beep *sound.Meter
	for heard := 0; heard < beeps; {
		packet, err := audio.Next(t.Context(), codec)
		if err != nil {
			t.Fatal(err)
		}
		var loud sound.Meter
		samples := decode(packet)
		loud.Write(samples)
		energy, _ := loud.Energy()
		switch {
		case energy < audible && beep != nil: // it is over
			if hz, ok := beep.ToneHz(); !ok || hz != BeepHz(heard) || beep.Samples() < 800 || beep.Samples() > 960 {
				t.Errorf("%s: beep %d has %d samples with a pitch of %v", codec, heard, beep.Samples(), hz)
			}
			heard, beep = heard+1, nil
		case energy >= audible && beep == nil:
			beep = new(sound.Meter)
			if late := time.Since(<-made); late > packetTime {
				t.Errorf("%s: beep %d is %v late", codec, heard, late)
			}
		}
		if beep != nil {
			beep.Write(samples)
		}
	}
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
