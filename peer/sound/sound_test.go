package sound

import (
	"math"
	"slices"
	"testing"
)

// Speech is as loud at each rate, has its pauses, and is low.
func TestSpeech(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{8000, 48000} {
		heard := samples(NewSpeech(rate), SpeechSeconds*rate)
		var loud, quiet, steps float64
		pause := rate * SyllablesInARow / SyllableHz
		for i, v := range heard {
			square := float64(v) * float64(v) / math.MaxInt16 / math.MaxInt16
			if i < pause {
				loud += square / float64(pause)
			} else {
				quiet += square
			}
			if i > 0 {
				step := float64(v) - float64(heard[i-1])
				steps += step * step / math.MaxInt16 / math.MaxInt16 / float64(pause)
			}
		}
		if loud < 0.005 || loud > 0.06 || quiet > 1e-6 {
			t.Errorf("at %d Hz: syllables of energy %g, pauses of %g", rate, loud, quiet)
		}
		// A sine of frequency f makes steps of (2πf/rate)² of its energy.
		if hz := math.Sqrt(steps/loud) * float64(rate) / 2 / math.Pi; hz < 150 || hz > 1200 {
			t.Errorf("at %d Hz: the mean frequency is %.0f Hz", rate, hz)
		}
		if clipped := slices.Max(heard); clipped == math.MaxInt16 {
			t.Errorf("at %d Hz: it clips", rate)
		}
	}
}

func TestSoundsGoOn(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func() Sound{
		"tone":    func() Sound { return &Tone{Rate: 8000, Hz: 997, Level: 0.25} },
		"speech":  func() Sound { return NewSpeech(8000) },
		"silence": func() Sound { return Silence{} },
	} {
		whole, parts := samples(fresh(), 480), fresh()
		got := append(samples(parts, 160), samples(parts, 320)...)
		if !slices.Equal(got, whole) {
			t.Errorf("%s: two blocks differ from one of the same length", name)
		}
	}
}
