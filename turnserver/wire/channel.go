package wire

import "encoding/binary"

// ChannelHeaderLen is the length of the header of ChannelData.
const ChannelHeaderLen = 4

// IsChannelData reports whether p begins like ChannelData, with a channel number from 0x4000 to
// 0x7fff. By RFC 8656 section 12 they end at 0x4fff, but clients of RFC 5766 use the rest, too.
func IsChannelData(p []byte) bool { return len(p) >= ChannelHeaderLen && p[0]>>6 == 1 }

// IsChannelNumber reports whether a channel may have that number.
func IsChannelNumber(number uint16) bool { return number>>14 == 1 }

// ChannelData decodes ChannelData (RFC 8656 section 12.4). What follows the payload is padding. ok is
// false when p is not ChannelData, or cut short.
func ChannelData(p []byte) (number uint16, payload []byte, ok bool) {
	if !IsChannelData(p) {
		return 0, nil, false
	}
	length := int(binary.BigEndian.Uint16(p[2:]))
	if length > len(p)-ChannelHeaderLen {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(p), p[ChannelHeaderLen : ChannelHeaderLen+length], true
}

// PutChannelHeader writes the header for a payload of n bytes, at most 65535,
// into the first ChannelHeaderLen bytes of b. On a stream the payload must be
// padded to a multiple of four bytes, which n does not count.
func PutChannelHeader(b []byte, number uint16, n int) {
	_ = b[ChannelHeaderLen-1]
	binary.BigEndian.PutUint16(b, number)
	binary.BigEndian.PutUint16(b[2:], uint16(n)) //nolint:gosec // bounded by the caller
}

// FrameLength decodes from the first four bytes of a frame on a stream (RFC 8656 section 12.4) the
// length of the frame, and that of the padding after it. ok is false when the bytes begin neither a
// STUN message nor ChannelData: then the stream is out of sync for good.
func FrameLength(header [4]byte) (length, padding int, ok bool) {
	body := int(binary.BigEndian.Uint16(header[2:]))
	switch header[0] >> 6 {
	case 0:
		return HeaderLen + body, 0, body%4 == 0
	case 1:
		return ChannelHeaderLen + body, padded(body) - body, true
	default:
		return 0, 0, false
	}
}
