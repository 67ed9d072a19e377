package vp8

import "math/bits"

// boolEncoder is the arithmetic coder of RFC 6386 section 7.
type boolEncoder struct {
	out     []byte // what was there before is kept; carries never reach it
	span    uint32 // 128 to 255
	bottom  uint32
	missing int // bits until the next byte is complete
}

func newBoolEncoder(out []byte) *boolEncoder {
	return &boolEncoder{out: out, span: 255, missing: 24}
}

// bit writes one value whose chance to be false is probability/256.
func (e *boolEncoder) bit(probability uint8, value bool) {
	split := 1 + (e.span-1)*uint32(probability)>>8
	if value {
		e.bottom += split
		e.span -= split
	} else {
		e.span = split
	}
	e.shift(bits.LeadingZeros8(uint8(e.span))) //nolint:gosec // 1 to 255
}

// shift moves n bits, at most 8, from bottom towards the output, and scales span with it.
func (e *boolEncoder) shift(n int) {
	e.span <<= n
	if n < e.missing {
		e.bottom <<= n
		e.missing -= n
		return
	}
	e.bottom <<= e.missing - 1 // the bit above those of the next byte is a carry
	if e.bottom&(1<<31) != 0 {
		e.carry()
	}
	e.bottom <<= 1
	e.out = append(e.out, byte(e.bottom>>24))
	e.bottom &= 1<<24 - 1
	n -= e.missing
	e.bottom <<= n
	e.missing = 8 - n
}

// carry adds one to what was written.
func (e *boolEncoder) carry() {
	i := len(e.out) - 1
	for e.out[i] == 255 {
		e.out[i] = 0
		i--
	}
	e.out[i]++
}

// literal writes the n low bits of v, the highest first.
func (e *boolEncoder) literal(v uint32, n int) {
	for n--; n >= 0; n-- {
		e.bit(128, v>>n&1 == 1)
	}
}

// flush writes what is pending and returns everything.
func (e *boolEncoder) flush() []byte {
	for range 4 {
		e.shift(8)
	}
	return e.out
}
