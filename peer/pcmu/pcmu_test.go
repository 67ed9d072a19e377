package pcmu

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// Vectors of G.711: decision and output values of table 2a, scaled from 14 to 16 bits.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sample  int16
		code    byte
		decoded int16
	}{
		{0, 0xff, 0},
		{4, 0xfe, 8},
		{8, 0xfe, 8},
		{132, 0xef, 132},
		{1000, 0xce, 988},
		{-1000, 0x4e, -988},
		{8159, 0x9f, 8316},
		{8000, 0xa0, 7932},
		{32124, 0x80, 32124},
		{32767, 0x80, 32124},
		{-32768, 0x00, -32124},
		{-4, 0x7e, -8},
		{-1, 0x7f, 0},
	} {
		if got := Encode(c.sample); got != c.code {
			t.Errorf("Encode(%d) = %#02x, want %#02x", c.sample, got, c.code)
		}
		if got := Decode(c.code); got != c.decoded {
			t.Errorf("Decode(%#02x) = %d, want %d", c.code, got, c.decoded)
		}
	}
}

func TestEveryCodeComesBack(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		got := Encode(Decode(byte(code)))
		if got != byte(code) && code != 0x7f { // negative zero is zero
			t.Errorf("%#02x came back as %#02x", code, got)
		}
	}
}

func TestEncodeIsTheNearestStep(t *testing.T) {
	t.Parallel()
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		sample := int16(v)
		got := math.Abs(float64(Decode(Encode(sample))) - float64(v))
		if limit := (math.Abs(float64(v)) + 132) / 32; got > limit && v > -32635 && v < 32635 {
			t.Fatalf("%d is off by %v", v, got)
		}
	}
}

func TestMeterHearsTheTone(t *testing.T) {
	t.Parallel()
	for _, hz := range []float64{100, 440, 1000, 2500, 3800} {
		var m Meter
		tone := Tone{Hz: hz, Level: 0.25}
		for range 50 {
			m.Write(tone.Append(nil, 160))
		}
		got, ok := m.ToneHz()
		if !ok || math.Abs(got-hz) > 10 {
			t.Errorf("%v Hz was heard as %v, %v", hz, got, ok)
		}
		if energy, ok := m.Energy(); !ok || math.Abs(energy-0.25*0.25/2) > 0.001 {
			t.Errorf("%v Hz has energy %v, %v", hz, energy, ok)
		}
	}
}

func TestMeterKnowsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	var m Meter
	if _, ok := m.Energy(); ok {
		t.Error("energy of nothing")
	}
	if _, ok := m.ToneHz(); ok {
		t.Error("tone of nothing")
	}
	m.Write(bytes.Repeat([]byte{0xff}, SampleRate))
	if energy, ok := m.Energy(); !ok || energy != 0 {
		t.Errorf("silence has energy %v, %v", energy, ok)
	}
	if hz, ok := m.ToneHz(); ok {
		t.Errorf("silence has a tone of %v Hz", hz)
	}
	if m.Samples() != SampleRate {
		t.Errorf("%d samples", m.Samples())
	}
}

func TestMeterFindsTheToneInNoise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var m Meter
	tone := Tone{Hz: 1000, Level: 0.25}
	for _, b := range tone.Append(nil, 2*SampleRate) {
		m.Write([]byte{Encode(Decode(b)/2 + int16(r.IntN(4000)-2000))})
	}
	if hz, ok := m.ToneHz(); !ok || hz != 1000 {
		t.Errorf("heard %v, %v", hz, ok)
	}
}
