package pattern

import (
	"image"
	"time"

	"callbox/peer/vp8"
)

// Draw returns the picture with the given stamp. The same size and stamp always
// give the same picture, so a receiver can draw what it should have received. The size
// must be valid, see Size.Check.
func Draw(size Size, stamp Stamp) *vp8.Picture {
	p := vp8.NewPicture(size.Width/vp8.BlockSize, size.Height/vp8.BlockSize)
	drawBars(p)
	drawCode(p, stamp)
	drawWalker(p, stamp.Number)
	return p
}

// AppendFrame appends the picture, as a VP8 key frame, to dst.
func AppendFrame(dst []byte, size Size, stamp Stamp) []byte {
	return vp8.AppendKeyFrame(dst, Draw(size, stamp))
}

func drawBars(p *vp8.Picture) {
	bars := [...]vp8.Color{ // 75 % colour bars of ITU-R BT.801, and a dark one for the walker
		{Y: 180, Cb: 128, Cr: 128},
		{Y: 162, Cb: 44, Cr: 142},
		{Y: 131, Cb: 156, Cr: 44},
		{Y: 112, Cb: 72, Cr: 58},
		{Y: 84, Cb: 184, Cr: 198},
		{Y: 65, Cb: 100, Cr: 212},
		{Y: 35, Cb: 212, Cr: 114},
		{Y: 40, Cb: 128, Cr: 128},
	}
	for row := range p.Rows {
		for column := range p.Columns {
			*p.At(column, row) = bars[column*len(bars)/p.Columns]
		}
	}
}

func drawCode(p *vp8.Picture, stamp Stamp) {
	code := encode(stamp)
	for i := range CodeBits {
		block := vp8.Color{Y: Zero, Cb: 128, Cr: 128}
		if code[i/8]>>(7-i%8)&1 == 1 {
			block.Y = One
		}
		*p.At(i%CodeColumns, i/CodeColumns) = block
	}
}

// drawWalker puts one white block on the rows below the code.
func drawWalker(p *vp8.Picture, number uint32) {
	places := uint32(p.Columns * (p.Rows - CodeRows)) //nolint:gosec // a few thousand
	at := int(number % places)
	*p.At(at%p.Columns, CodeRows+at/p.Columns) = vp8.Color{Y: One, Cb: 128, Cr: 128}
}

// Read returns the content of the barcode of a decoded picture. The error is ErrNoCode.
func Read(picture *image.YCbCr) (Stamp, error) {
	bounds := picture.Rect
	if bounds.Dx() < MinWidth || bounds.Dy() < CodeRows*vp8.BlockSize {
		return Stamp{}, ErrNoCode
	}
	var code [CodeBits / 8]byte
	for i := range CodeBits {
		x := bounds.Min.X + i%CodeColumns*vp8.BlockSize + vp8.BlockSize/2
		y := bounds.Min.Y + i/CodeColumns*vp8.BlockSize + vp8.BlockSize/2
		if picture.Y[picture.YOffset(x, y)] > (One+Zero)/2 {
			code[i/8] |= 0x80 >> (i % 8)
		}
	}
	return decode(code)
}

func encode(stamp Stamp) (code [CodeBits / 8]byte) {
	put(code[0:4], uint64(stamp.Number))
	put(code[4:10], uint64(stamp.Clock.UnixMilli()))
	put(code[10:12], uint64(checksum(code[:10])))
	return code
}

func decode(code [CodeBits / 8]byte) (Stamp, error) {
	if get(code[10:12]) != uint64(checksum(code[:10])) {
		return Stamp{}, ErrNoCode
	}
	return Stamp{
		Number: uint32(get(code[0:4])),                       //nolint:gosec // four bytes
		Clock:  time.UnixMilli(int64(get(code[4:10]))).UTC(), //nolint:gosec // six bytes
	}, nil
}

// put writes the low bytes of v, the highest first; get reads them.
func put(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(v)
		v >>= 8
	}
}

func get(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// checksum is CRC-16/CCITT-FALSE.
func checksum(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
