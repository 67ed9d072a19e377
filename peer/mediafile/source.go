package mediafile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"callbox/peer"
)

const (
	// minStep is the least time between two frames, so that a file in which time stands
	// still does not keep a processor busy.
	minStep = time.Millisecond
	// maxLag is how far a source may fall behind and still catch up.
	maxLag = time.Second
	// lastFrame is the length of a frame of which nothing is known.
	lastFrame = time.Second / defaultFPS
)

// source sends the frames of a file, again and again. It implements peer.Source.
type source struct {
	content []byte
	begin   opener
	codec   peer.Codec
	read    reader
	next    frame // the one to be sent next
	step    time.Duration
	due     time.Time // when next is due; zero = at once
}

// rewind begins to read the file, up to its first frame.
func (s *source) rewind() error {
	codec, read, err := s.begin(bytes.NewReader(s.content))
	if err != nil {
		return err
	}
	s.codec, s.read = codec, read
	if s.next, err = read(); isEnd(err) {
		return ErrEmpty
	}
	return err
}

// isEnd reports whether a file ends with an error, perhaps because it was cut off.
func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// Codecs implements peer.Source.
func (s *source) Codecs() []peer.Codec { return []peer.Codec{s.codec} }

// Next implements peer.Source.
func (s *source) Next(ctx context.Context, _ peer.Codec) (peer.Sample, error) {
	if err := waitUntil(ctx, &s.due); err != nil {
		return peer.Sample{}, err
	}
	now := s.next
	following, err := s.read()
	switch {
	case err == nil:
		s.next = following
		s.step = following.at - now.at
	case !isEnd(err):
		return peer.Sample{}, err
	default:
		if err := s.rewind(); err != nil {
			return peer.Sample{}, err
		}
		if now.length > 0 {
			s.step = now.length
		} else if s.step <= 0 { // a picture; usually it is as long as the one before it
			s.step = lastFrame
		}
	}
	s.step = max(s.step, minStep)
	s.due = s.due.Add(s.step)
	return peer.Sample{Data: now.data, Duration: s.step}, nil
}

// waitUntil waits for a moment. If that is long past, now takes its place.
func waitUntil(ctx context.Context, due *time.Time) error {
	now := time.Now()
	if now.Sub(*due) > maxLag { // also the first time
		*due = now
	}
	timer := time.NewTimer(due.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
