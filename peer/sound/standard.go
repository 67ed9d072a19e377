package sound

import "time"

// ToneHz and ToneLevel are the frequency in Hz and the peak, from 0 to 1, of the tone that
// the headless peer sends.
const (
	ToneHz    = 1000
	ToneLevel = 0.25
)

// StandardTone returns the tone that the headless peer sends.
func StandardTone(rate int) *Tone { return &Tone{Rate: rate, Hz: ToneHz, Level: ToneLevel} }

// BeepTime is how long a beep lasts.
const BeepTime = 100 * time.Millisecond

// BeepPitches is after how many beeps the pitches repeat.
const BeepPitches = 8

// BeepHz returns the pitch of a beep, of which the first has number 0.
func BeepHz(number int) float64 { return 600 + 300*float64(number%BeepPitches) }

// Beep returns the sine of a beep, which whoever plays it ends after BeepTime.
func Beep(rate, number int) *Tone { return &Tone{Rate: rate, Hz: BeepHz(number), Level: 2 * ToneLevel} }
