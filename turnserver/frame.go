package turnserver

import (
	"encoding/binary"
	"errors"
)

const (
	stunHeader    = 20
	channelHeader = 4
)

var errFraming = errors.New("neither STUN nor ChannelData")

// frameLength reads from the first four bytes of a frame on a stream (RFC 8656
// section 12.4) how long the frame is, without and with the padding to the next
// frame.
func frameLength(header [4]byte) (length, padded int, err error) {
	body := int(binary.BigEndian.Uint16(header[2:]))
	switch header[0] >> 6 {
	case 0:
		if body%4 != 0 {
			return 0, 0, errFraming
		}
		return stunHeader + body, stunHeader + body, nil
	case 1:
		return channelHeader + body, channelHeader + (body+3)&^3, nil
	default:
		return 0, 0, errFraming
	}
}
