package peer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"callbox/peer/pattern"
)

// Limits of the frame rate of Pattern, in frames per second.
const (
	MinFPS = 1
	MaxFPS = 60
)

// Pattern returns a source of the test picture of package pattern. Every frame is a
// VP8 key frame that carries its number, from 0, and the time at which it was made.
// The error says which sizes and rates (MinFPS to MaxFPS) are possible.
func Pattern(size pattern.Size, fps int) (Source, error) {
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

// Codecs implements Source.
func (*patternSource) Codecs() []Codec { return []Codec{VP8} }

// Next implements Source.
func (s *patternSource) Next(ctx context.Context, _ Codec) (Sample, error) {
	if err := s.pace.wait(ctx); err != nil {
		return Sample{}, err
	}
	s.buffer = pattern.AppendFrame(s.buffer[:0], s.size, pattern.Stamp{Number: s.number, Clock: time.Now()})
	s.number++
	if s.made != nil {
		s.made.Store(s.number)
	}
	return Sample{Data: s.buffer, Duration: s.pace.step}, nil
}

// PatternWithBeeps returns the source of Pattern, and a source of sound that belongs to
// it: with each frame whose number is a multiple of fps, so about once a second, begins
// a beep of BeepTime with the pitch BeepHz. A receiver can tell from that whether sound
// and picture fit. Both sources are for the same call.
func PatternWithBeeps(size pattern.Size, fps int, codecs ...Codec) (video, audio Source, err error) {
	video, err = Pattern(size, fps)
	if err != nil {
		return nil, nil, err
	}
	made := new(atomic.Uint32)
	video.(*patternSource).made = made                          //nolint:forcetypeassert // it is what Pattern returns
	return video, newBeepSource(made, uint32(fps), codecs), nil //nolint:gosec // checked by Pattern
}
