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
	Duration time.Duration // until the next one, by which RTP time advances
}

// VideoSource gives the frames that a peer sends.
type VideoSource interface {
	// Next waits until the next frame is due and returns it; the caller is done
	// with Data when it calls again. io.EOF ends the video, and not the call; any
	// other error is logged and ends it too. It must return soon when ctx ends.
	// It is called from one goroutine at a time, first when the call is connected.
	Next(ctx context.Context) (VideoFrame, error)
}

// AudioSource gives the sound that a peer sends.
type AudioSource interface {
	// Next waits until the next packet is due and returns 20 ms of it: 160 bytes of
	// µ-law at 8 kHz (PCMU). For the rest it is as VideoSource.Next.
	Next(ctx context.Context) ([]byte, error)
}

// packetTime is the length of one audio packet.
const (
	packetTime    = 20 * time.Millisecond
	packetSamples = pcmu.SampleRate / 50
)

// Bounds of the frame rate.
const (
	MinFPS = 1
	MaxFPS = 60
)

// ToneHz and ToneLevel are the frequency and the peak, from 0 to 1, of Tone's sine.
const (
	ToneHz    = 1000
	ToneLevel = 0.25
)

// Pattern returns the test picture of package pattern: every frame is a VP8 key
// frame that carries its number, from 0, and the time it was made. Sizes and
// rates that cannot be are refused in words.
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

// Tone returns a steady sine of ToneHz.
func Tone() AudioSource {
	return &toneSource{tone: pcmu.Tone{Hz: ToneHz, Level: ToneLevel}, pace: pacer{step: packetTime}}
}

// Silence returns packets of silence.
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

// maxLag is how far a pacer may fall behind before it gives up catching up.
const maxLag = time.Second

// pacer lets one thing through every step, the first at once. Steps are counted from the
// first one, so that delays of single ones do not add up.
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
