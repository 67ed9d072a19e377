package pcmu

import (
	"math"
	"slices"
	"testing"
)

// Vectors of G.711: decision and output values of table 2a, scaled from 14 to 16 bits.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sample  int16
		code    byte
		decoded int16
	}{
		{0, 0xff, 0},
		{4, 0xfe, 8},
		{8, 0xfe, 8},
		{132, 0xef, 132},
		{1000, 0xce, 988},
		{-1000, 0x4e, -988},
		{8159, 0x9f, 8316},
		{8000, 0xa0, 7932},
		{32124, 0x80, 32124},
		{32767, 0x80, 32124},
		{-32768, 0x00, -32124},
		{-4, 0x7e, -8},
		{-1, 0x7f, 0},
	} {
		if got := Encode(c.sample); got != c.code {
			t.Errorf("Encode(%d) = %#02x, want %#02x", c.sample, got, c.code)
		}
		if got := Decode(c.code); got != c.decoded {
			t.Errorf("Decode(%#02x) = %d, want %d", c.code, got, c.decoded)
		}
	}
}

func TestEveryCodeComesBack(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		got := Encode(Decode(byte(code)))
		if got != byte(code) && code != 0x7f { // negative zero is zero
			t.Errorf("%#02x came back as %#02x", code, got)
		}
	}
}

func TestEncodeIsTheNearestStep(t *testing.T) {
	t.Parallel()
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		sample := int16(v)
		got := math.Abs(float64(Decode(Encode(sample))) - float64(v))
		if limit := (math.Abs(float64(v)) + 132) / 32; got > limit && v > -32635 && v < 32635 {
			t.Fatalf("%d is off by %v", v, got)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	samples := []int16{0, 132, -132, 32124}
	if got := AppendDecoded(nil, AppendEncoded(nil, samples)); !slices.Equal(got, samples) {
		t.Errorf("%v came back as %v", samples, got)
	}
}
