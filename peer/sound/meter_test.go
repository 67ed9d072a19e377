package sound

import (
	"math"
	"math/rand/v2"
	"testing"
)

func samples(s Sound, n int) []int16 {
	block := make([]int16, n)
	s.Read(block)
	return block
}

func TestMeterHearsTheTone(t *testing.T) {
	t.Parallel()
	for _, hz := range []float64{100, 440, 1000, 2500, 3800} {
		var m Meter
		tone := &Tone{Hz: hz, Level: 0.25, Rate: MeterRate}
		for range 50 {
			m.Write(samples(tone, 160))
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
	m.Write(make([]int16, MeterRate))
	if energy, ok := m.Energy(); !ok || energy != 0 {
		t.Errorf("silence has energy %v, %v", energy, ok)
	}
	if hz, ok := m.ToneHz(); ok {
		t.Errorf("silence has a tone of %v Hz", hz)
	}
	if m.Samples() != MeterRate {
		t.Errorf("%d samples", m.Samples())
	}
}

func TestMeterFindsTheToneInNoise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var m Meter
	tone := &Tone{Hz: 1000, Level: 0.25, Rate: MeterRate}
	for _, v := range samples(tone, 2*MeterRate) {
		m.Write([]int16{v/2 + int16(r.IntN(4000)-2000)})
	}
	if hz, ok := m.ToneHz(); !ok || hz != 1000 {
		t.Errorf("heard %v, %v", hz, ok)
	}
}
