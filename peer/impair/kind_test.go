package impair

import (
	"encoding/binary"
	"slices"
	"testing"
)

// rtpHead is the header of an RTP packet of payload type 96 and source 7, with its marker.
func rtpHead() []byte { return []byte{0x80, 0x80 | 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7} }

// channelData wraps a datagram for a TURN server (RFC 8656, section 12.4).
func channelData(inner []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0x40, 0x01}, uint16(len(inner)))
	return append(append(b, inner...), make([]byte, (4-len(inner)%4)%4)...)
}

// indication wraps a datagram for a TURN server, behind an attribute of 5 bytes.
func indication(inner []byte) []byte {
	b := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(b, sendIndication)
	b = append(b, 0x00, 0x12, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(append(b, 0x00, 0x13), uint16(len(inner)))
	return append(b, inner...)
}

func TestClassify(t *testing.T) {
	media := header{kind: RTP, payloadType: 96, ssrc: 7}
	for name, c := range map[string]struct {
		data []byte
		want header
	}{
		"RTP":                   {rtpHead(), media},
		"RTP in ChannelData":    {channelData(rtpHead()), media},
		"RTP in an indication":  {indication(rtpHead()), media},
		"RTCP":                  {[]byte{0x80, 200, 0, 0, 0, 0, 0, 0}, header{kind: RTCP}},
		"RTCP in ChannelData":   {channelData([]byte{0x81, 206, 0, 0, 0, 0, 0, 0}), header{kind: RTCP}},
		"a check":               {slices.Concat([]byte{0, 1, 0, 0}, make([]byte, 16)), header{kind: STUN}},
		"an Allocate request":   {slices.Concat([]byte{0, 3, 0, 0}, make([]byte, 16)), header{kind: STUN}},
		"a check in a channel":  {channelData(slices.Concat([]byte{0, 1, 0, 0}, make([]byte, 16))), header{kind: STUN}},
		"an empty indication":   {slices.Concat([]byte{0, 0x16, 0, 0}, make([]byte, 16)), header{kind: STUN}},
		"a handshake":           {[]byte{22, 254, 253}, header{kind: DTLS}},
		"application data":      {[]byte{23, 254, 253}, header{kind: Data}},
		"data in ChannelData":   {channelData([]byte{23, 254, 253, 0}), header{kind: Data}},
		"an attribute too long": {indication(rtpHead())[:stunHeader+14], header{kind: STUN}},
		"half an RTP header":    {rtpHead()[:9], header{kind: Other}},
		"nothing":               {nil, header{kind: Other}},
		"an empty channel":      {channelData(nil), header{kind: Other}},
		"a channel cut off":     {[]byte{0x40, 0x01, 0, 99, 22}, header{kind: DTLS}},
		"QUIC":                  {[]byte{0xc0, 0, 0, 1}, header{kind: Other}},
	} {
		if got := classify(c.data); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// FuzzClassify checks that what is inside of TURN is classified as what is outside.
func FuzzClassify(f *testing.F) {
	f.Add(rtpHead())
	f.Add([]byte{22, 254, 253})
	f.Add(channelData(rtpHead()))
	f.Add(indication(rtpHead()))
	f.Fuzz(func(t *testing.T, b []byte) {
		classify(b)
		if len(b) > 1<<16-1 {
			return
		}
		inside := classifyInner(b)
		if got := classify(channelData(b)); got != inside {
			t.Errorf("in ChannelData: %+v, alone: %+v", got, inside)
		}
		if got := classify(indication(b)); got != inside {
			t.Errorf("in an indication: %+v, alone: %+v", got, inside)
		}
	})
}
