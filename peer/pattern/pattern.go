// Package pattern draws the test picture of the headless peer, and reads its barcode.
//
// The picture is made of flat blocks of 16×16 pixels. Its first CodeRows rows of
// blocks, from the left edge, hold a barcode of CodeColumns blocks each: CodeBits
// bits in all, row by row from the top left, the highest bit of each field first.
//
//	bits 0–31   frame number, counting up by one from 0
//	bits 32–79  clock: milliseconds since 1970-01-01 UTC when the frame was made
//	bits 80–95  check bits: CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xffff) of
//	            the ten bytes before
//
// A white block (Y 235) is 1, a black one (Y 16) is 0. Read the middle pixel of a
// block and compare it with the middle of the range: on a browser's canvas, where
// black is 0 and white is 255,
//
//	const bit = (i) => pixels[4 * ((16 * (i >> 4) + 8) * width + 16 * (i & 15) + 8)] > 127
//
// with pixels = context.getImageData(0, 0, width, height).data of a picture drawn
// in its original size. If the check bits are wrong, it is not this picture.
//
// Below the barcode and to the right of it there are colour bars. Over the bars below
// it, a white block moves one place with each frame, so that people see at once whether
// the picture moves.
package pattern

import (
	"errors"
	"fmt"
	"time"

	"callbox/peer/vp8"
)

// The barcode's layout, in blocks of vp8.BlockSize pixels.
const (
	CodeColumns = 16
	CodeRows    = 6
	CodeBits    = CodeColumns * CodeRows

	NumberBits = 32
	ClockBits  = 48
	CheckBits  = 16

	// One is the luma of a block that is 1.
	One = 235
	// Zero is the luma of a block that is 0.
	Zero = 16
)

// Limits of the size, in pixels: the barcode and two rows below it must fit, and the
// picture must not be larger than 4K for decoders.
const (
	MinWidth  = CodeColumns * vp8.BlockSize
	MinHeight = (CodeRows + 2) * vp8.BlockSize
	MaxWidth  = 4096
	MaxHeight = 2304
)

// Stamp is the content of the barcode.
type Stamp struct {
	Number uint32
	Clock  time.Time // to the millisecond
}

// ErrNoCode is the error of a picture that has no barcode, or a damaged one.
var ErrNoCode = errors.New("no barcode with valid check bits in the picture")

// Size is a picture's size in pixels.
type Size struct{ Width, Height int }

// String returns the size in the form that ParseSize accepts.
func (s Size) String() string { return fmt.Sprintf("%dx%d", s.Width, s.Height) }

// Check returns an error that says why the pattern cannot be drawn in this size, or nil.
func (s Size) Check() error {
	if s.Width%vp8.BlockSize != 0 || s.Height%vp8.BlockSize != 0 {
		return fmt.Errorf("size %v: width and height must be multiples of %d; the nearest is %v", s, vp8.BlockSize, s.nearest())
	}
	if s != s.nearest() {
		return fmt.Errorf("size %v: it must be from %dx%d to %dx%d", s, MinWidth, MinHeight, MaxWidth, MaxHeight)
	}
	return nil
}

// nearest returns the allowed size closest to s.
func (s Size) nearest() Size {
	round := func(v, low, high int) int {
		v = min(max(v, low), high)
		return (v + vp8.BlockSize/2) / vp8.BlockSize * vp8.BlockSize
	}
	return Size{round(s.Width, MinWidth, MaxWidth), round(s.Height, MinHeight, MaxHeight)}
}

// ParseSize parses WIDTHxHEIGHT in pixels. The error is for people, as that of Check.
func ParseSize(text string) (Size, error) {
	var s Size
	width, height, ok := cut(text)
	if !ok {
		return Size{}, fmt.Errorf("size %q: write WIDTHxHEIGHT in pixels, for example 320x240", text)
	}
	s = Size{width, height}
	return s, s.Check()
}

// cut splits "320x240"; only plain digits, at most five, count as numbers.
func cut(text string) (width, height int, ok bool) {
	number := func(digits string) (n int, ok bool) {
		if len(digits) == 0 || len(digits) > 5 {
			return 0, false
		}
		for _, c := range []byte(digits) {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int(c-'0')
		}
		return n, true
	}
	for i := range len(text) {
		if text[i] == 'x' || text[i] == 'X' {
			w, okWidth := number(text[:i])
			h, okHeight := number(text[i+1:])
			return w, h, okWidth && okHeight
		}
	}
	return 0, 0, false
}
