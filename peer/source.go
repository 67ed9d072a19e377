package peer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"callbox/peer/pattern"
	"callbox/peer/pcmu"
)

// VideoFrame is one encoded VP8 frame.
type VideoFrame struct {
	Data     []byte
	Duration time.Duration // until the next frame; RTP timestamps advance by it
}

// VideoSource provides the frames that a peer sends.
type VideoSource interface {
	// Next waits until the next frame is due and returns it. Data must stay valid
	// until the next call. io.EOF ends the video, but not the call; so does any
	// other error, which is also logged. Next must return soon after ctx ends. It is
	// called from one goroutine at a time, for the first time when the call is
	// connected.
	Next(ctx context.Context) (VideoFrame, error)
}

// AudioSource provides the audio that a peer sends.
type AudioSource interface {
	// Next waits until the next packet is due and returns 20 ms of audio: 160 bytes
	// of µ-law at 8 kHz (PCMU). Otherwise it is like VideoSource.Next.
	Next(ctx context.Context) ([]byte, error)
}

// packetTime is the length of one audio packet.
const (
	packetTime    = 20 * time.Millisecond
	packetSamples = pcmu.SampleRate / 50
)

// Limits of the frame rate of Pattern, in frames per second.
const (
	MinFPS = 1
	MaxFPS = 60
)

// ToneHz and ToneLevel are the frequency in Hz and the peak, from 0 to 1, of the sine
// of Tone.
const (
	ToneHz    = 1000
	ToneLevel = 0.25
)

// Pattern returns a source of the test picture of package pattern. Every frame is a
// VP8 key frame that carries its number, from 0, and the time at which it was made.
// The error says which sizes and rates (MinFPS to MaxFPS) are possible.
func Pattern(size pattern.Size, fps int) (VideoSource, error) {
	if err := size.Check(); err != nil {
		return nil, err
	}
	if fps < MinFPS || fps > MaxFPS {
		return nil, fmt.Errorf("%d frames per second: it must be from %d to %d", fps, MinFPS, MaxFPS)
	}
	return &patternSource{size: size, pace: pacer{step: time.Second / time.Duration(fps)}}, nil
}

type patternSource struct {
	size   pattern.Size
	pace   pacer
	number uint32
	buffer []byte
	made   *atomic.Uint32 // counts the frames; nil = nobody asks
}

func (s *patternSource) Next(ctx context.Context) (VideoFrame, error) {
	if err := s.pace.wait(ctx); err != nil {
		return VideoFrame{}, err
	}
	s.buffer = pattern.AppendFrame(s.buffer[:0], s.size, pattern.Stamp{Number: s.number, Clock: time.Now()})
	s.number++
	if s.made != nil {
		s.made.Store(s.number)
	}
	return VideoFrame{Data: s.buffer, Duration: s.pace.step}, nil
}

// PatternWithBeeps returns the source of Pattern, and a source of sound that belongs to
// it: with each frame whose number is a multiple of fps, so about once a second, begins
// a beep of BeepTime with the pitch BeepHz. A receiver can tell from that whether sound
// and picture fit. Both sources are for the same call.
func PatternWithBeeps(size pattern.Size, fps int) (VideoSource, AudioSource, error) {
	video, err := Pattern(size, fps)
	if err != nil {
		return nil, nil, err
	}
	made := new(atomic.Uint32)
	video.(*patternSource).made = made                                                          //nolint:forcetypeassert // it is what Pattern returns
	return video, &beepSource{made: made, fps: uint32(fps), pace: pacer{step: packetTime}}, nil //nolint:gosec // checked by Pattern
}

// BeepTime is how long a beep of PatternWithBeeps lasts.
const BeepTime = 100 * time.Millisecond

// BeepPitches is after how many beeps of PatternWithBeeps the pitches repeat.
const BeepPitches = 8

// BeepHz returns the pitch of a beep: the first, which belongs to frame 0, has number 0.
func BeepHz(number int) float64 { return 600 + 300*float64(number%BeepPitches) }

// beepSource begins a beep when it sees that a frame has been made that has one.
type beepSource struct {
	made   *atomic.Uint32
	fps    uint32
	pace   pacer
	beeps  uint32 // number of the next one
	left   int    // packets of the current beep
	tone   pcmu.Tone
	buffer []byte
}

func (s *beepSource) Next(ctx context.Context) ([]byte, error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	if made := s.made.Load(); made > s.beeps*s.fps {
		number := (made - 1) / s.fps
		s.beeps, s.left = number+1, int(BeepTime/packetTime)
		s.tone = pcmu.Tone{Hz: BeepHz(int(number)), Level: 2 * ToneLevel}
	}
	if s.left == 0 {
		s.tone = pcmu.Tone{}
	}
	s.left = max(0, s.left-1)
	s.buffer = s.tone.Append(s.buffer[:0], packetSamples)
	return s.buffer, nil
}

// Tone returns a source of a steady sine of ToneHz.
func Tone() AudioSource {
	return &toneSource{tone: pcmu.Tone{Hz: ToneHz, Level: ToneLevel}, pace: pacer{step: packetTime}}
}

// Silence returns a source of silence.
func Silence() AudioSource {
	return &toneSource{pace: pacer{step: packetTime}}
}

type toneSource struct {
	tone   pcmu.Tone
	pace   pacer
	buffer []byte
}

func (s *toneSource) Next(ctx context.Context) ([]byte, error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	s.buffer = s.tone.Append(s.buffer[:0], packetSamples)
	return s.buffer, nil
}

// maxLag is how far a pacer may fall behind and still catch up.
const maxLag = time.Second

// pacer paces calls of wait to one per step, the first at once. Steps are counted
// from the first one, so that delays do not add up.
type pacer struct {
	step time.Duration
	due  time.Time
}

func (p *pacer) wait(ctx context.Context) error {
	now := time.Now()
	if now.Sub(p.due) > maxLag { // also the first time
		p.due = now
	}
	timer := time.NewTimer(p.due.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		p.due = p.due.Add(p.step)
		return nil
	}
}
