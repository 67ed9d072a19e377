// Package vp8 encodes VP8 key frames of flat macroblocks, assembles frames from RTP
// packets, and decodes key frames of limited size.
//
// The encoder supports only pictures in which every 16×16 macroblock has one colour.
// With DC prediction, quantizer index 0 and no loop filter (RFC 6386) such a
// picture is coded without loss: a decoder returns exactly the original colours. So two
// peers with the same picture have the same frame, byte for byte, and a single wrong byte
// is found by comparing.
package vp8

import "encoding/binary"

// BlockSize is the side of a macroblock, in pixels.
const BlockSize = 16

// MaxSide is the largest width or height of a key frame, in pixels (14 bits, RFC 6386 section 9.1).
const MaxSide = 1<<14 - 1

const headerBytes = 10 // frame tag and key frame header, RFC 6386 section 9.1

// Color is the colour of one macroblock, in the limited range of ITU-R BT.601:
// Y from 16 (black) to 235 (white), Cb and Cr around 128.
type Color struct{ Y, Cb, Cr uint8 }

// Picture is a picture of flat macroblocks.
type Picture struct {
	Columns, Rows int     // macroblocks; Columns*BlockSize and Rows*BlockSize are at most MaxSide
	Blocks        []Color // row by row, Columns*Rows of them
}

// NewPicture returns a black picture of the given number of macroblocks.
func NewPicture(columns, rows int) *Picture {
	p := &Picture{Columns: columns, Rows: rows, Blocks: make([]Color, columns*rows)}
	for i := range p.Blocks {
		p.Blocks[i] = Color{Y: 16, Cb: 128, Cr: 128}
	}
	return p
}

// At returns the block in the given column and row.
func (p *Picture) At(column, row int) *Color { return &p.Blocks[row*p.Columns+column] }

// AppendKeyFrame appends p as one VP8 key frame to dst and returns the extended slice.
// The same picture always gives the same bytes.
func AppendKeyFrame(dst []byte, p *Picture) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0x9d, 0x01, 0x2a)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Columns*BlockSize)) //nolint:gosec // at most MaxSide
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Rows*BlockSize))    //nolint:gosec // at most MaxSide

	residuals, coded := predict(p)
	first := newBoolEncoder(dst)
	writeHeader(first, len(residuals), coded)
	for i := range residuals {
		writeModes(first, residuals[i] == residual{}, skipProbability(len(residuals), coded))
	}
	dst = first.flush()

	size := len(dst) - start - headerBytes
	tag := size<<5 | 1<<4                                                           // key frame, version 0, shown
	dst[start], dst[start+1], dst[start+2] = byte(tag), byte(tag>>8), byte(tag>>16) //nolint:gosec // 24 bits, the lowest first

	second := newBoolEncoder(dst)
	writeResiduals(second, p.Columns, residuals)
	return second.flush()
}

// residual is what a macroblock differs by from its prediction.
type residual struct{ y, cb, cr int }

// predict returns the residual of each block and how many blocks have one.
func predict(p *Picture) (residuals []residual, coded int) {
	residuals = make([]residual, len(p.Blocks))
	for row := range p.Rows {
		for column := range p.Columns {
			i := row*p.Columns + column
			want, guess := p.Blocks[i], predictBlock(p, column, row)
			residuals[i] = residual{
				y:  int(want.Y) - int(guess.Y),
				cb: int(want.Cb) - int(guess.Cb),
				cr: int(want.Cr) - int(guess.Cr),
			}
			if residuals[i] != (residual{}) {
				coded++
			}
		}
	}
	return residuals, coded
}

// predictBlock is DC prediction from flat neighbours, RFC 6386 section 12.2.
func predictBlock(p *Picture, column, row int) Color {
	mean := func(a, b uint8) uint8 { return uint8((int(a) + int(b) + 1) >> 1) } //nolint:gosec // a mean of two bytes is a byte
	switch {
	case column > 0 && row > 0:
		above, left := p.At(column, row-1), p.At(column-1, row)
		return Color{mean(above.Y, left.Y), mean(above.Cb, left.Cb), mean(above.Cr, left.Cr)}
	case row > 0:
		return *p.At(column, row-1)
	case column > 0:
		return *p.At(column-1, row)
	default:
		return Color{128, 128, 128}
	}
}

// writeHeader writes the frame header, RFC 6386 section 9.2 to 9.11 and 19.2.
func writeHeader(e *boolEncoder, blocks, coded int) {
	e.literal(0, 1) // color space
	e.literal(0, 1) // clamping is needed
	e.literal(0, 1) // no segments
	e.literal(0, 1) // normal loop filter,
	e.literal(0, 6) // level 0: off
	e.literal(0, 3) // sharpness
	e.literal(0, 1) // no filter adjustments
	e.literal(0, 2) // one token partition
	e.literal(0, 7) // quantizer index 0
	e.literal(0, 5) // no quantizer deltas
	e.literal(0, 1) // probabilities are for this frame only
	for i := range len(updateProbabilities) {
		e.bit(updateProbabilities[i], false)
	}
	e.literal(1, 1) // blocks without coefficients are skipped
	e.literal(uint32(skipProbability(blocks, coded)), 8)
}

// skipProbability is the chance, in 1/256, that a block is not skipped.
func skipProbability(blocks, coded int) uint8 {
	return uint8(min(max(coded*256/blocks, 1), 255))
}

// writeModes writes a macroblock's header: skip flag and DC prediction for luma
// and chroma, with the trees and probabilities of RFC 6386 section 11.
func writeModes(e *boolEncoder, skip bool, skipProbability uint8) {
	e.bit(skipProbability, skip)
	e.bit(145, true) // not B_PRED
	e.bit(156, false)
	e.bit(163, false) // DC_PRED
	e.bit(142, false) // chroma DC_PRED
}
