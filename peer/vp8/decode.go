package vp8

import (
	"bytes"
	"errors"
	"fmt"
	"image"

	"golang.org/x/image/vp8"
)

// Errors of ParseHeader and Decoder.Decode; compare with errors.Is.
var (
	ErrNotKeyFrame = errors.New("not a VP8 key frame")
	ErrTooLarge    = errors.New("VP8 picture is too large")
	ErrMalformed   = errors.New("malformed VP8 frame")
)

// IsKeyFrame reports whether the header of a frame from the network says that it is a key frame.
func IsKeyFrame(frame []byte) bool { return len(frame) > 0 && frame[0]&1 == 0 }

// ParseHeader returns the size in pixels from the header of a key frame
// (RFC 6386 section 9.1). The error wraps ErrNotKeyFrame or ErrMalformed.
func ParseHeader(frame []byte) (width, height int, err error) {
	switch {
	case len(frame) > 0 && !IsKeyFrame(frame):
		return 0, 0, ErrNotKeyFrame
	case len(frame) < headerBytes:
		return 0, 0, fmt.Errorf("%w: %d bytes, its header has %d", ErrMalformed, len(frame), headerBytes)
	case frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a:
		return 0, 0, fmt.Errorf("%w: no start code", ErrMalformed)
	}
	first := int(frame[0])>>5 | int(frame[1])<<3 | int(frame[2])<<11
	if first > len(frame)-headerBytes {
		return 0, 0, fmt.Errorf("%w: first partition is cut short", ErrMalformed)
	}
	width = int(frame[7]&0x3f)<<8 | int(frame[6])
	height = int(frame[9]&0x3f)<<8 | int(frame[8])
	if width == 0 || height == 0 {
		return 0, 0, fmt.Errorf("%w: size %dx%d", ErrMalformed, width, height)
	}
	return width, height, nil
}

// Decoder decodes key frames, one after the other, into memory that it reuses. Set
// MaxPixels: the zero value refuses every frame.
type Decoder struct {
	MaxPixels int // a frame that claims more is refused before anything is allocated

	decoder *vp8.Decoder
}

// Decode decodes one key frame. The picture is valid until the next call.
// The error wraps ErrNotKeyFrame, ErrTooLarge or ErrMalformed.
func (d *Decoder) Decode(frame []byte) (*image.YCbCr, error) {
	width, height, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	if width*height > d.MaxPixels {
		return nil, fmt.Errorf("%w: %dx%d", ErrTooLarge, width, height)
	}
	if d.decoder == nil {
		d.decoder = vp8.NewDecoder()
	}
	d.decoder.Init(bytes.NewReader(frame), len(frame))
	if _, err := d.decoder.DecodeFrameHeader(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	picture, err := d.decoder.DecodeFrame()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// The decoder keeps a larger picture of an earlier frame: cut to this one's size.
	cut, _ := picture.SubImage(image.Rect(0, 0, width, height)).(*image.YCbCr)
	return cut, nil
}
