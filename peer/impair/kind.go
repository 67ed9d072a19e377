package impair

import (
	"encoding/binary"
)

// Kind is what a datagram carries, as its first bytes tell (RFC 7983).
type Kind string

// The kinds. TURN messages with data for the other side are of the kind of their data.
const (
	RTP   Kind = "rtp"
	RTCP  Kind = "rtcp"
	STUN  Kind = "stun" // connectivity checks, and TURN's own requests
	DTLS  Kind = "dtls" // handshakes and alerts
	Data  Kind = "data" // SCTP, with the data channels, inside of DTLS
	TCP   Kind = "tcp"  // to a TURN server; it may be encrypted
	Other Kind = "other"
)

// header is what the first bytes of a datagram tell.
type header struct {
	kind        Kind
	ssrc        uint32 // of RTP
	payloadType uint8  // of RTP
}

// Sizes and numbers of the protocols' headers.
const (
	rtpHeader     = 12
	rtcpHeader    = 8
	channelHeader = 4  // RFC 8656, section 12.4
	stunHeader    = 20 // RFC 8489, section 5
	attribute     = 4  // type and length, RFC 8489, section 14

	sendIndication = 0x0016 // RFC 8656, section 17
	dataAttribute  = 0x0013 // RFC 8656, section 18
)

// classify reads the header of a datagram, and looks into TURN messages.
func classify(b []byte) header {
	if len(b) >= channelHeader && b[0] >= 64 && b[0] <= 79 {
		inner := b[channelHeader:]
		return classifyInner(inner[:min(len(inner), int(binary.BigEndian.Uint16(b[2:])))])
	}
	if len(b) >= stunHeader && binary.BigEndian.Uint16(b) == sendIndication {
		if inner, ok := dataOf(b[stunHeader:]); ok {
			return classifyInner(inner)
		}
	}
	return classifyInner(b)
}

func classifyInner(b []byte) header {
	switch {
	case len(b) == 0:
		return header{kind: Other}
	case b[0] <= 3:
		return header{kind: STUN}
	case b[0] == 23: // application_data, RFC 6347
		return header{kind: Data}
	case b[0] >= 20 && b[0] <= 63:
		return header{kind: DTLS}
	case b[0] < 128 || b[0] > 191 || len(b) < rtcpHeader:
		return header{kind: Other}
	case b[1] >= 192 && b[1] <= 223: // RFC 5761, section 4
		return header{kind: RTCP}
	case len(b) < rtpHeader:
		return header{kind: Other}
	default:
		return header{kind: RTP, payloadType: b[1] & 0x7f, ssrc: binary.BigEndian.Uint32(b[8:])}
	}
}

// dataOf returns the value of the DATA attribute among the attributes of a STUN message.
func dataOf(attributes []byte) (value []byte, ok bool) {
	for len(attributes) >= attribute {
		name, length := binary.BigEndian.Uint16(attributes), int(binary.BigEndian.Uint16(attributes[2:]))
		attributes = attributes[attribute:]
		if length > len(attributes) {
			return nil, false
		}
		if name == dataAttribute {
			return attributes[:length], true
		}
		padded := (length + 3) &^ 3
		attributes = attributes[min(padded, len(attributes)):]
	}
	return nil, false
}
