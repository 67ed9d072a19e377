package opus

import (
	"math"
	"testing"
	"time"

	"callbox/peer/sound"
)

// hear decodes packets, a number of times one after the other, and measures the last time.
func hear(t *testing.T, packets [][]byte, times int) (*sound.Meter, []int16) {
	t.Helper()
	decoder := NewDecoder()
	var meter sound.Meter
	var last []int16
	for i := range times {
		for _, p := range packets {
			if d, err := Duration(p); err != nil || d != FrameTime {
				t.Fatalf("a packet of %v, %v", d, err)
			}
			samples, err := decoder.Decode(p)
			if err != nil || len(samples) != sound.MeterRate/50 {
				t.Fatalf("%d samples, %v", len(samples), err)
			}
			if i == times-1 {
				meter.Write(samples)
				last = append(last, samples...)
			}
		}
	}
	return &meter, last
}

func energy(samples []int16) (sum float64) {
	for _, v := range samples {
		sum += float64(v) * float64(v) / (math.MaxInt16 + 1) / (math.MaxInt16 + 1) / float64(len(samples))
	}
	return sum
}

// The embedded files are the sounds that they are said to be, also where a loop begins anew.
func TestTone(t *testing.T) {
	t.Parallel()
	meter, samples := hear(t, Tone(), 3)
	if hz, ok := meter.ToneHz(); !ok || hz != sound.ToneHz {
		t.Errorf("the tone is %v Hz, %v", hz, ok)
	}
	const want = sound.ToneLevel * sound.ToneLevel / 2
	for i := 0; i < len(samples); i += 80 { // 10 ms, ten waves
		if e := energy(samples[i : i+80]); e < 0.8*want || e > 1.25*want {
			t.Errorf("after %d ms the energy is %.3f, want %.3f", i/8, e, want)
		}
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	if meter, _ := hear(t, Silence(), 100); meter.Samples() == 0 {
		t.Error("nothing was decoded")
	} else if e, _ := meter.Energy(); e != 0 {
		t.Errorf("silence has energy %g", e)
	}
}

// The energy rises and falls with that of the original.
func TestSpeech(t *testing.T) {
	t.Parallel()
	if got, want := len(Speech()), sound.SpeechSeconds*50; got != want {
		t.Fatalf("%d packets, want %d", got, want)
	}
	_, decoded := hear(t, Speech(), 2)
	original := make([]int16, len(decoded))
	sound.NewSpeech(sound.MeterRate).Read(original)
	const part = sound.MeterRate / sound.SyllableHz // a syllable
	for i := 0; i < len(decoded); i += part {
		got, want := energy(decoded[i:i+part]), energy(original[i:i+part])
		if got > 2*want+0.001 || got < want/2-0.001 {
			t.Errorf("after %d ms the energy is %.4f, want %.4f", i/8, got, want)
		}
	}
}

func TestBeeps(t *testing.T) {
	t.Parallel()
	for number := range 2 * sound.BeepPitches {
		meter, samples := hear(t, Beep(number), 1)
		if hz, ok := meter.ToneHz(); !ok || hz != sound.BeepHz(number) {
			t.Errorf("beep %d has a pitch of %v, %v", number, hz, ok)
		}
		const beep = sound.MeterRate / 10
		if e := energy(samples[80:beep]); e < 0.1 || e > 0.15 { // 0.5²/2
			t.Errorf("beep %d has the energy %.3f", number, e)
		}
		if e := energy(samples[len(samples)-80:]); e > 0.001 {
			t.Errorf("beep %d has the energy %.3f in the last 10 ms", number, e)
		}
	}
}

// RFC 6716, table 2 and section 3.2.
func TestDuration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		packet []byte
		want   time.Duration
	}{
		{[]byte{0 << 3}, 10 * time.Millisecond},
		{[]byte{3 << 3}, 60 * time.Millisecond},
		{[]byte{9<<3 | 1}, 40 * time.Millisecond},
		{[]byte{12 << 3}, 10 * time.Millisecond},
		{[]byte{15 << 3}, 20 * time.Millisecond},
		{[]byte{16 << 3}, 2500 * time.Microsecond},
		{[]byte{31 << 3}, 20 * time.Millisecond},
		{[]byte{31<<3 | 2}, 40 * time.Millisecond},
		{[]byte{31<<3 | 3, 6}, 120 * time.Millisecond},
		{[]byte{16<<3 | 3, 48}, 120 * time.Millisecond},
		{[]byte{31<<3 | 3, 7}, 0},
		{[]byte{31<<3 | 3, 0xc0}, 0},
		{[]byte{3}, 0},
		{nil, 0},
	} {
		if got, err := Duration(c.packet); got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%x: %v, %v, want %v", c.packet, got, err, c.want)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(Tone()[0], Speech()[10])
	f.Add(Beep(3)[1], []byte{3, 0x81, 1})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		decoder := NewDecoder()
		for _, packet := range [][]byte{a, b, a} {
			d, errDuration := Duration(packet)
			samples, err := decoder.Decode(packet)
			if err == nil && (errDuration != nil || len(samples) != int(d*sound.MeterRate/time.Second)) {
				t.Errorf("%x: %d samples of %v, %v", packet, len(samples), d, errDuration)
			}
		}
	})
}
