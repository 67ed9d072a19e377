package vp8

// A flat block needs one coefficient in each plane: the DC of the Y2 block, which
// the decoder multiplies by 8 and the two transforms divide by 64, and the DC of each
// chroma block, multiplied by 4 and divided by 8 (RFC 6386 sections 9.6, 14.1, 14.3).
const (
	y2Scale     = 8
	chromaScale = 2
)

// neighbours remembers which blocks above, or to the left, had coefficients:
// the context of RFC 6386 section 13.3.
type neighbours struct {
	y2     int
	cb, cr [2]int
}

// writeResiduals writes the token partition, RFC 6386 section 13.
func writeResiduals(e *boolEncoder, columns int, residuals []residual) {
	above := make([]neighbours, columns)
	var left neighbours
	for i, r := range residuals {
		column := i % columns
		if column == 0 {
			left = neighbours{}
		}
		if r == (residual{}) {
			above[column], left = neighbours{}, neighbours{}
			continue
		}
		writeBlock(e, r, &above[column], &left)
	}
}

func writeBlock(e *boolEncoder, r residual, above, left *neighbours) {
	had := writeDC(e, planeY2, above.y2+left.y2, r.y*y2Scale)
	above.y2, left.y2 = had, had
	for range 16 { // luma without its DC begins at coefficient 1, in band 1
		e.bit(defaultProbabilities[probability(planeYWithoutDC, 1, 0)], false)
	}
	writeChroma(e, r.cb*chromaScale, &above.cb, &left.cb)
	writeChroma(e, r.cr*chromaScale, &above.cr, &left.cr)
}

func writeChroma(e *boolEncoder, coefficient int, above, left *[2]int) {
	for y := range 2 {
		for x := range 2 {
			had := writeDC(e, planeChroma, above[x]+left[y], coefficient)
			above[x], left[y] = had, had
		}
	}
}

// writeDC writes a block that has at most a DC coefficient, and says whether it has one.
func writeDC(e *boolEncoder, plane, context, coefficient int) (had int) {
	p := defaultProbabilities[probability(plane, 0, context):]
	if coefficient == 0 {
		e.bit(p[0], false) // end of block
		return 0
	}
	e.bit(p[0], true)
	e.bit(p[1], true) // not zero
	magnitude := max(coefficient, -coefficient)
	writeMagnitude(e, p, magnitude)
	e.bit(128, coefficient < 0)

	next := 2 // context of the coefficient after one that is larger than 1
	if magnitude == 1 {
		next = 1
	}
	e.bit(defaultProbabilities[probability(plane, 1, next)], false) // end of block
	return 1
}

// writeMagnitude writes a value from 1 to 2048+66 with the token tree and the
// extra bits of RFC 6386 section 13.2.
func writeMagnitude(e *boolEncoder, p string, v int) {
	e.bit(p[2], v > 1)
	if v == 1 {
		return
	}
	e.bit(p[3], v > 4)
	switch {
	case v <= 4:
		e.bit(p[4], v > 2)
		if v > 2 {
			e.bit(p[5], v == 4)
		}
	case v <= 10: // categories 1 and 2
		e.bit(p[6], false)
		e.bit(p[7], v > 6)
		if v <= 6 {
			writeExtra(e, v-5, "\x9f")
		} else {
			writeExtra(e, v-7, "\xa5\x91")
		}
	default: // categories 3 to 6
		e.bit(p[6], true)
		writeLarge(e, p, v)
	}
}

func writeLarge(e *boolEncoder, p string, v int) {
	e.bit(p[8], v > 34)
	switch {
	case v <= 18:
		e.bit(p[9], false)
		writeExtra(e, v-11, "\xad\x94\x8c")
	case v <= 34:
		e.bit(p[9], true)
		writeExtra(e, v-19, "\xb0\x9b\x8c\x87")
	case v <= 66:
		e.bit(p[10], false)
		writeExtra(e, v-35, "\xb4\x9d\x8d\x86\x82")
	default:
		e.bit(p[10], true)
		writeExtra(e, v-67, "\xfe\xfe\xf3\xe6\xc4\xb1\x99\x8c\x85\x82\x81")
	}
}

// writeExtra writes one bit of v for each of the probabilities, the highest first.
func writeExtra(e *boolEncoder, v int, probabilities string) {
	for i := range len(probabilities) {
		e.bit(probabilities[i], v>>(len(probabilities)-1-i)&1 == 1)
	}
}
