package sound

import "math"

// MeterRate is the rate of the audio that a Meter measures, in samples per second: that of
// the telephone, which is enough for a test tone.
const MeterRate = 8000

const (
	windowSamples = 800 // 100 ms, so that bins are 10 Hz apart
	lowestBin     = 6   // 60 Hz: below is hum and offset
	highestBin    = 390 // 3.9 kHz, the end of the telephone band
	binHz         = MeterRate / windowSamples
	windowEvery   = 5 // of the windows one in so many is analysed, which is cheap and enough
)

// audibleEnergy is the mean square below which a frequency is meaningless: −60 dB of full scale.
const audibleEnergy = 1e-6

// Meter measures audio. The zero value is ready to use. It must not be used concurrently.
type Meter struct {
	samples int
	sum     float64 // of squares
	window  [windowSamples]float64
	filled  int
	windows int
	power   [highestBin + 1]float64
}

// Write measures a block of samples.
func (m *Meter) Write(block []int16) {
	for _, sample := range block {
		v := float64(sample) / (math.MaxInt16 + 1)
		m.samples++
		m.sum += v * v
		m.window[m.filled] = v
		m.filled++
		if m.filled == windowSamples {
			m.filled = 0
			if m.windows%windowEvery == 0 {
				m.analyse()
			}
			m.windows++
		}
	}
}

// analyse adds the window's power in each bin by Goertzel's algorithm.
func (m *Meter) analyse() {
	for bin := lowestBin; bin <= highestBin; bin++ {
		factor := 2 * math.Cos(2*math.Pi*float64(bin)/windowSamples)
		var last, before float64
		for _, v := range m.window {
			last, before = v+factor*last-before, last
		}
		m.power[bin] += last*last + before*before - factor*last*before
	}
}

// Samples returns the number of measured samples.
func (m *Meter) Samples() int { return m.samples }

// Energy returns the mean square of all samples, 0 (silence) to 1 (full scale); false if
// there were none. A sine with the peak p has p²/2.
func (m *Meter) Energy() (energy float64, ok bool) {
	if m.samples == 0 {
		return 0, false
	}
	return m.sum / float64(m.samples), true
}

// ToneHz returns the strongest frequency, exact to 10 Hz; false if less than 100 ms was
// measured, or if the audio is too quiet.
func (m *Meter) ToneHz() (hz float64, ok bool) {
	if energy, _ := m.Energy(); m.windows == 0 || energy < audibleEnergy {
		return 0, false
	}
	best := lowestBin
	for bin := lowestBin; bin <= highestBin; bin++ {
		if m.power[bin] > m.power[best] {
			best = bin
		}
	}
	return float64(best * binHz), true
}
