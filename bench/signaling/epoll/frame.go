//go:build linux

package epoll

import (
	"crypto/subtle"
	"encoding/binary"
)

// Opcodes of frames (RFC 6455, section 5.2).
const (
	Text  = 1
	Close = 8
	Ping  = 9
	Pong  = 10
)

// Header is the header of a frame.
type Header struct {
	Opcode byte
	Masked bool
	Mask   [4]byte
	Size   int // of the header, in bytes
	Length int // of the payload, in bytes
}

// ParseHeader parses the header at the start of b. It returns false if b does not contain
// the whole header.
func ParseHeader(b []byte) (Header, bool) {
	if len(b) < 2 {
		return Header{}, false
	}
	h := Header{Opcode: b[0] & 0xf, Masked: b[1]&0x80 != 0, Size: 2, Length: int(b[1] & 0x7f)}
	switch h.Length {
	case 126:
		h.Size = 4
	case 127:
		h.Size = 10
	}
	masked := h.Size
	if h.Masked {
		h.Size += 4
	}
	if len(b) < h.Size {
		return Header{}, false
	}
	switch masked {
	case 4:
		h.Length = int(binary.BigEndian.Uint16(b[2:]))
	case 10:
		h.Length = int(binary.BigEndian.Uint64(b[2:])) //nolint:gosec // G115: both ends send only small frames
	}
	if h.Masked {
		h.Mask = [4]byte(b[masked:])
	}
	return h, true
}

// AppendHeader appends the header of an unmasked frame, for servers.
func AppendHeader(dst []byte, opcode byte, length int) []byte {
	return appendHeader(dst, opcode, length, 0)
}

func appendHeader(dst []byte, opcode byte, length int, mask byte) []byte {
	dst = append(dst, 0x80|opcode)
	switch {
	case length < 126:
		return append(dst, mask|byte(length)) //nolint:gosec // G115: it is below 126
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, mask|126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, mask|127), uint64(length))
	}
}

// key is the masking key of all frames. All keys except zero cost the server the same.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d} //nolint:gochecknoglobals // constant

// keys is the key again and again, to mask whole words.
var keys = func() (k [4096]byte) { //nolint:gochecknoglobals // constant
	for i := range k {
		k[i] = key[i%4]
	}
	return k
}()

// AppendMasked appends a masked frame, for clients.
func AppendMasked(dst []byte, opcode byte, payload []byte) []byte {
	dst = append(appendHeader(dst, opcode, len(payload), 0x80), key[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	for masked := dst[start:]; len(masked) > 0; {
		n := subtle.XORBytes(masked, masked, keys[:min(len(masked), len(keys))])
		masked = masked[n:]
	}
	return dst
}

// Unmask unmasks the payload of a client's frame, in place.
func Unmask(payload []byte, mask [4]byte) {
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
}
