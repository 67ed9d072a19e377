package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

var (
	// ErrNotSent is the error of Mute and ReplaceSource for a kind of which nothing is sent.
	ErrNotSent = errors.New("nothing of this kind is sent")
	// ErrCodec is the error of ReplaceSource for a source of other codecs.
	ErrCodec = errors.New("the source does not have the codec")

	errSwitched = errors.New("the source was paused or replaced")
)

// switchedSource is a Source that can be paused, and replaced by another one.
type switchedSource struct {
	codecs []Codec // that were offered

	mu      sync.Mutex
	source  Source
	number  int                     // of sources before it
	codec   Codec                   // negotiated; "" = not known yet
	ended   error                   // why source has no more samples; nil = it may have some
	paused  time.Time               // since when; zero = it is not
	gap     time.Duration           // that no sample has covered yet
	changed chan struct{}           // closed at the next change
	cancel  context.CancelCauseFunc // of the wait for a sample; nil = nobody waits
}

// newSwitchedSource returns nil for nil: nothing is sent.
func newSwitchedSource(s Source) *switchedSource {
	if s == nil {
		return nil
	}
	return &switchedSource{codecs: s.Codecs(), source: s, changed: make(chan struct{})}
}

// Codecs implements Source.
func (s *switchedSource) Codecs() []Codec { return s.codecs }

// Next implements Source. When the source has ended it waits, because another one may come.
func (s *switchedSource) Next(ctx context.Context, codec Codec) (Sample, error) {
	for {
		waiting, cancel := context.WithCancelCause(ctx)
		source, number, changed := s.begin(codec, cancel)
		if source == nil {
			select {
			case <-changed:
				cancel(nil)
				continue
			case <-ctx.Done():
				cancel(nil)
				return Sample{}, context.Cause(ctx)
			}
		}
		sample, err := source.Next(waiting, codec)
		switched := errors.Is(context.Cause(waiting), errSwitched)
		cancel(nil)
		switch {
		case err == nil:
			sample.Duration += s.takeGap()
			return sample, nil
		case ctx.Err() != nil:
			return Sample{}, err
		case switched:
		case errors.Is(err, io.EOF):
			s.end(number, err)
		default:
			return Sample{}, err
		}
	}
}

// begin returns the source to ask, and its number, or nil and what to wait for.
func (s *switchedSource) begin(codec Codec, cancel context.CancelCauseFunc) (Source, int, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codec = codec
	if !s.paused.IsZero() || s.ended != nil {
		s.cancel = nil
		return nil, 0, s.changed
	}
	s.cancel = cancel
	return s.source, s.number, nil
}

// takeGap returns how long nothing was sent before the sample that is sent now. RTP
// timestamps advance with the length of what is sent, so this sample has to make up for
// the pause: from the next one on, they are right again.
func (s *switchedSource) takeGap() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	gap := s.gap
	s.gap = 0
	return gap
}

// end notes that a source has no more samples, unless it has been replaced.
func (s *switchedSource) end(number int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.number == number {
		s.ended = err
	}
}

// notify ends the wait for a sample. The caller holds mu.
func (s *switchedSource) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
	if s.cancel != nil {
		s.cancel(errSwitched)
		s.cancel = nil
	}
}

// pause pauses the source, or continues it.
func (s *switchedSource) pause(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := time.Now(); {
	case paused == s.isPaused():
		return
	case paused:
		s.paused = now
	default:
		s.gap += now.Sub(s.paused)
		s.paused = time.Time{}
	}
	s.notify()
}

func (s *switchedSource) isPaused() bool { return !s.paused.IsZero() }

// replace replaces the source. The other one must have the negotiated codec, or, before
// that is known, all that were offered.
func (s *switchedSource) replace(other Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	needed := s.codecs
	if s.codec != "" {
		needed = []Codec{s.codec}
	}
	for _, codec := range needed {
		if !slices.Contains(other.Codecs(), codec) {
			return fmt.Errorf("%w %s", ErrCodec, codec)
		}
	}
	s.source, s.ended = other, nil
	s.number++
	s.notify()
	return nil
}
