package frames

import "bytes"

// isKeyFrame reports whether decoding can begin with a frame.
func isKeyFrame(f Format, data []byte) bool {
	switch f {
	case VP9:
		return isVP9Key(data)
	case H264:
		return hasIDR(data)
	default:
		return hasSequenceHeader(data)
	}
}

// isVP9Key reads the first bits of the uncompressed header (VP9 bitstream, section 6.2): the
// marker 10, two bits of the profile, a reserved bit in profile 3, show_existing_frame, and
// the type of the frame, 0 for key frames.
func isVP9Key(data []byte) bool {
	if len(data) == 0 || data[0]>>6 != 2 {
		return false
	}
	b := data[0] << 4
	if data[0]&0x30 == 0x30 {
		b <<= 1
	}
	return b&0xc0 == 0
}

// hasIDR looks for a NAL unit of type 5 (ITU-T H.264, table 7-1).
func hasIDR(data []byte) bool {
	for {
		at := bytes.Index(data, []byte{0, 0, 1})
		if at < 0 || at+3 >= len(data) {
			return false
		}
		if data[at+3]&0x1f == 5 {
			return true
		}
		data = data[at+3:]
	}
}

// hasSequenceHeader looks for an OBU of type 1 (AV1 bitstream, section 5.3), which in a call
// comes with each key frame.
func hasSequenceHeader(data []byte) bool {
	for len(data) > 0 {
		const typeSequenceHeader, extension, hasSize = 1, 0x04, 0x02
		header := data[0]
		if header>>3&0xf == typeSequenceHeader {
			return true
		}
		if header&hasSize == 0 {
			return false
		}
		skip := 1
		if header&extension != 0 {
			skip++
		}
		size, shift := 0, 0
		for ; skip < len(data) && shift < 28; shift += 7 {
			c := data[skip]
			size |= int(c&0x7f) << shift
			skip++
			if c < 0x80 {
				break
			}
		}
		if skip+size > len(data) {
			return false
		}
		data = data[skip+size:]
	}
	return false
}
