package peer

import (
	"strings"

	"github.com/pion/webrtc/v4"
)

// Codec is the format of encoded media: its media type, as SDP names it.
type Codec string

// The codecs that a Source or a Sink may name.
const (
	VP8  Codec = webrtc.MimeTypeVP8
	VP9  Codec = webrtc.MimeTypeVP9
	AV1  Codec = webrtc.MimeTypeAV1
	H264 Codec = webrtc.MimeTypeH264
	Opus Codec = webrtc.MimeTypeOpus // 48 kHz, RFC 7587
	PCMU Codec = webrtc.MimeTypePCMU // G.711 µ-law at 8 kHz, RFC 3551
)

// codecNamed returns the codec with a media type, which is in any case (RFC 4855).
func codecNamed(mediaType string) Codec {
	for _, c := range []Codec{VP8, VP9, AV1, H264, Opus, PCMU} {
		if strings.EqualFold(mediaType, string(c)) {
			return c
		}
	}
	return Codec(mediaType)
}

// Kind returns "audio" or "video".
func (c Codec) Kind() string {
	kind, _, _ := strings.Cut(string(c), "/")
	return kind
}

// ClockRate returns the rate of RTP timestamps, in Hz.
func (c Codec) ClockRate() uint32 {
	switch c {
	case Opus:
		return 48000
	case PCMU:
		return 8000
	default:
		return 90000
	}
}
