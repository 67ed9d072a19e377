package peer

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"callbox/peer/opus"
	"callbox/peer/pcmu"
	"callbox/peer/sound"
)

// The sounds that are sent, see package sound.
const (
	ToneHz      = sound.ToneHz
	ToneLevel   = sound.ToneLevel
	BeepTime    = sound.BeepTime
	BeepPitches = sound.BeepPitches
)

// BeepHz returns the pitch of a beep of PatternWithBeeps: the first, which belongs to
// frame 0, has number 0.
func BeepHz(number int) float64 { return sound.BeepHz(number) }

// packetTime is the length of one audio packet.
const (
	packetTime    = opus.FrameTime
	packetSamples = int(pcmu.SampleRate * packetTime / time.Second)
)

// Tone returns a source of a steady sine of ToneHz. It provides the given codecs of Opus
// and PCMU, or with none both, Opus first; so do the other sources of sound.
func Tone(codecs ...Codec) Source { return newSoundSource(toneVoice(), codecs) }

// Speech returns a source of sound.Speech, which voice detection takes for speech.
func Speech(codecs ...Codec) Source {
	return newSoundSource(voice{packets: opus.Speech(), sound: sound.NewSpeech(pcmu.SampleRate)}, codecs)
}

// Silence returns a source of silence.
func Silence(codecs ...Codec) Source { return newSoundSource(silentVoice(), codecs) }

// voice is a sound in both codecs.
type voice struct {
	packets [][]byte    // of Opus, to be repeated
	sound   sound.Sound // for PCMU
	number  int         // of the next packet
}

func toneVoice() voice {
	return voice{packets: opus.Tone(), sound: sound.StandardTone(pcmu.SampleRate)}
}

func silentVoice() voice { return voice{packets: opus.Silence(), sound: sound.Silence{}} }

func beepVoice(number int) voice {
	return voice{packets: opus.Beep(number), sound: sound.Beep(pcmu.SampleRate, number)}
}

// audioEncoder encodes what voices say.
type audioEncoder struct {
	samples [packetSamples]int16
	buffer  []byte
}

// next returns the next packet of a voice.
func (e *audioEncoder) next(v *voice, codec Codec) Sample {
	number := v.number
	v.number++
	if codec == Opus {
		return Sample{Data: v.packets[number%len(v.packets)], Duration: packetTime}
	}
	v.sound.Read(e.samples[:])
	e.buffer = pcmu.AppendEncoded(e.buffer[:0], e.samples[:])
	return Sample{Data: e.buffer, Duration: packetTime}
}

// soundSource is a Source of one voice.
type soundSource struct {
	codecs []Codec
	voice  voice
	pace   pacer
	encode audioEncoder
}

func newSoundSource(v voice, codecs []Codec) *soundSource {
	return &soundSource{codecs: soundCodecs(codecs), voice: v, pace: pacer{step: packetTime}}
}

// soundCodecs returns those of the codecs that the sounds have.
func soundCodecs(chosen []Codec) []Codec {
	possible := []Codec{Opus, PCMU}
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(c Codec) bool { return !slices.Contains(possible, c) })
	if len(chosen) == 0 {
		return possible
	}
	return chosen
}

// Codecs implements Source.
func (s *soundSource) Codecs() []Codec { return s.codecs }

// Next implements Source.
func (s *soundSource) Next(ctx context.Context, codec Codec) (Sample, error) {
	if err := s.pace.wait(ctx); err != nil {
		return Sample{}, err
	}
	return s.encode.next(&s.voice, codec), nil
}

// beepSource begins a beep when it sees that a frame has been made that has one.
type beepSource struct {
	codecs []Codec
	made   *atomic.Uint32
	fps    uint32
	pace   pacer
	beeps  uint32 // number of the next one
	left   int    // packets of the current beep
	voice  voice
	encode audioEncoder
}

func newBeepSource(made *atomic.Uint32, fps uint32, codecs []Codec) *beepSource {
	return &beepSource{codecs: soundCodecs(codecs), made: made, fps: fps, pace: pacer{step: packetTime}, voice: silentVoice()}
}

// Codecs implements Source.
func (s *beepSource) Codecs() []Codec { return s.codecs }

// Next implements Source.
func (s *beepSource) Next(ctx context.Context, codec Codec) (Sample, error) {
	if err := s.pace.wait(ctx); err != nil {
		return Sample{}, err
	}
	if made := s.made.Load(); made > s.beeps*s.fps {
		number := (made - 1) / s.fps
		s.beeps, s.voice = number+1, beepVoice(int(number))
		s.left = int(BeepTime / packetTime)
		if codec == Opus {
			s.left = len(s.voice.packets)
		}
	}
	if s.left == 0 { // once, at the end of a beep
		s.voice = silentVoice()
	}
	s.left = max(-1, s.left-1)
	return s.encode.next(&s.voice, codec), nil
}
