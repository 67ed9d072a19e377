// Package pcmu encodes and decodes G.711 µ-law at 8 kHz (the RTP payload PCMU, RFC 3551).
package pcmu

// SampleRate is the only rate of PCMU, in samples per second.
const SampleRate = 8000

const (
	bias = 33 << 2 // G.711: added before the segment is found, in 16-bit scale
	clip = 32635
)

// Encode returns the µ-law byte of a 16-bit sample (G.711 table 2a).
func Encode(sample int16) byte {
	v, sign := int(sample), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, clip) + bias
	segment := 7
	for mask := 0x4000; segment > 0 && v&mask == 0; mask >>= 1 {
		segment--
	}
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3)&0x0f)) //nolint:gosec // 3 and 4 bits
}

// Decode returns the 16-bit sample of a µ-law byte.
func Decode(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3+bias)<<(b>>4&7) - bias
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v) //nolint:gosec // at most 32124
}

// AppendEncoded appends the µ-law bytes of samples to dst.
func AppendEncoded(dst []byte, samples []int16) []byte {
	for _, v := range samples {
		dst = append(dst, Encode(v))
	}
	return dst
}

// AppendDecoded appends the samples of µ-law bytes to dst.
func AppendDecoded(dst []int16, block []byte) []int16 {
	for _, b := range block {
		dst = append(dst, Decode(b))
	}
	return dst
}
