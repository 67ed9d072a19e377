// Package sound makes the sounds that the headless peer sends, and measures those that it
// receives: their energy and their strongest frequency.
package sound

import (
	"math"
	"math/rand/v2"
)

// Sound is a sound that continues from one block of samples to the next.
type Sound interface {
	// Read fills dst with the next samples.
	Read(dst []int16)
}

// Tone is a sine.
type Tone struct {
	Rate  int     // samples per second
	Hz    float64 // above 0, below Rate/2
	Level float64 // peak, 0 to 1

	sample int
}

// Read implements Sound.
func (t *Tone) Read(dst []int16) {
	for i := range dst {
		phase := math.Mod(float64(t.sample)*t.Hz/float64(t.Rate), 1)
		dst[i] = int16(math.Round(t.Level * math.MaxInt16 * math.Sin(2*math.Pi*phase)))
		t.sample++
	}
}

// Silence is silence.
type Silence struct{}

// Read implements Sound.
func (Silence) Read(dst []int16) { clear(dst) }

// Speech is noise that is like speech for whoever tells speech from other sounds by
// spectrum and rhythm, such as the voice detection of a browser: its energy falls by 12 dB
// per octave above 500 Hz, and it comes in syllables, SyllableHz in a second, with a pause
// after every SyllablesInARow.
type Speech struct {
	rate           int
	random         *rand.Rand
	lowest, middle float64 // state of the filters
	highest        float64
	sample         int
}

// The rhythm of Speech. It repeats after SpeechSeconds.
const (
	SyllableHz      = 4
	SyllablesInARow = 6
	SpeechSeconds   = 2
)

// speechLevel brings the syllables of Speech to about the energy of a Tone of 0.25.
const speechLevel = 1.2

// NewSpeech returns a Speech of rate samples per second, always the same.
func NewSpeech(rate int) *Speech {
	return &Speech{rate: rate, random: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // a sound, not a secret
}

// Read implements Sound.
func (s *Speech) Read(dst []int16) {
	// Two low-pass filters at 500 Hz, and a high-pass filter at 100 Hz, of the first order.
	low := 1 - math.Exp(-2*math.Pi*500/float64(s.rate))
	high := 1 - math.Exp(-2*math.Pi*100/float64(s.rate))
	white := math.Sqrt(float64(s.rate) / 8000) // the same power in each hertz at any rate
	for i := range dst {
		s.lowest += low * (white*(2*s.random.Float64()-1) - s.lowest)
		s.middle += low * (s.lowest - s.middle)
		s.highest += high * (s.middle - s.highest)
		v := speechLevel * s.loudness() * (s.middle - s.highest)
		dst[i] = int16(math.Round(math.MaxInt16 * max(-1, min(1, v))))
		s.sample++
	}
}

// loudness returns the envelope of the current sample, 0 to 1.
func (s *Speech) loudness() float64 {
	syllables := float64(s.sample) * SyllableHz / float64(s.rate)
	if int(syllables)%(SyllableHz*SpeechSeconds) >= SyllablesInARow {
		return 0
	}
	return math.Pow(math.Sin(math.Pi*math.Mod(syllables, 1)), 2)
}
