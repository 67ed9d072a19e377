package peer

import (
	"context"
	"fmt"
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
}

func (s *patternSource) Next(ctx context.Context) (VideoFrame, error) {
	if err := s.pace.wait(ctx); err != nil {
		return VideoFrame{}, err
	}
	s.buffer = pattern.AppendFrame(s.buffer[:0], s.size, pattern.Stamp{Number: s.number, Clock: time.Now()})
	s.number++
	return VideoFrame{Data: s.buffer, Duration: s.pace.step}, nil
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
