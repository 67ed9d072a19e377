package vp8

// boolEncoder is the arithmetic coder of RFC 6386 section 7.
type boolEncoder struct {
	out    []byte // what was there before is kept; carries never reach it
	span   uint32 // 128 to 255
	bottom uint32
	bits   int // shifts until the next byte is complete
}

func newBoolEncoder(out []byte) *boolEncoder {
	return &boolEncoder{out: out, span: 255, bits: 24}
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
	for e.span < 128 {
		e.span <<= 1
		e.shift()
	}
}

func (e *boolEncoder) shift() {
	if e.bottom&(1<<31) != 0 {
		e.carry()
	}
	e.bottom <<= 1
	e.bits--
	if e.bits == 0 {
		e.out = append(e.out, byte(e.bottom>>24))
		e.bottom &= 1<<24 - 1
		e.bits = 8
	}
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
	for range 32 {
		e.shift()
	}
	return e.out
}
