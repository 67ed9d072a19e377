package peer

import (
	"fmt"
	"slices"

	"github.com/pion/webrtc/v4"
)

// Payload types that this peer offers; RFC 3551 assigns that of PCMU.
const (
	payloadPCMU = 0
	payloadVP8  = 96
	payloadRTX  = 97
	payloadVP9  = 98
	payloadH264 = 102
	payloadAV1  = 45
	payloadOpus = 111
)

// receivedCodecs returns what a peer can measure, the preferred one of each kind first. Of
// VP9, H.264 and AV1 it only counts the frames, so VP8 comes first.
func receivedCodecs() []Codec { return []Codec{Opus, PCMU, VP8, VP9, H264, AV1} }

// offeredCodecs returns the codecs of one kind to offer: those of the source, in its order,
// and then all others that can be received.
func offeredCodecs(kind string, source Source) []Codec {
	var all []Codec
	if source != nil {
		all = slices.Clone(source.Codecs())
	}
	for _, codec := range receivedCodecs() {
		if !slices.Contains(all, codec) {
			all = append(all, codec)
		}
	}
	return slices.DeleteFunc(all, func(c Codec) bool { return c.Kind() != kind })
}

func registerCodecs(media *webrtc.MediaEngine, cfg *Config) error {
	for _, codec := range append(offeredCodecs("audio", cfg.Audio), offeredCodecs("video", cfg.Video)...) {
		for _, p := range codecParameters(codec) {
			if err := media.RegisterCodec(p, webrtc.NewRTPCodecType(codec.Kind())); err != nil {
				return err
			}
		}
	}
	return nil
}

// audioPreference returns the audio codecs in the order of the source, also for answers,
// which otherwise have the order of the offer. Without a payload type each has that of the
// offer.
func audioPreference(source Source) []webrtc.RTPCodecParameters {
	var all []webrtc.RTPCodecParameters
	for _, codec := range offeredCodecs("audio", source) {
		for _, p := range codecParameters(codec) {
			p.PayloadType = 0
			all = append(all, p)
		}
	}
	return all
}

// codecParameters returns what is offered of a codec.
func codecParameters(codec Codec) []webrtc.RTPCodecParameters {
	capability := webrtc.RTPCodecCapability{MimeType: string(codec), ClockRate: codec.ClockRate()}
	switch codec {
	case PCMU:
		return []webrtc.RTPCodecParameters{{RTPCodecCapability: capability, PayloadType: payloadPCMU}}
	case Opus:
		capability.Channels = 2 // always, RFC 7587 section 7
		capability.SDPFmtpLine = "minptime=10;useinbandfec=1"
		return []webrtc.RTPCodecParameters{{RTPCodecCapability: capability, PayloadType: payloadOpus}}
	case VP8:
		return withRTX(capability, payloadVP8, payloadRTX)
	case VP9:
		capability.SDPFmtpLine = "profile-id=0"
		return withRTX(capability, payloadVP9, payloadVP9+1)
	case H264:
		// Constrained baseline, which every browser supports (RFC 7742, section 5).
		capability.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
		return withRTX(capability, payloadH264, payloadH264+1)
	case AV1:
		return withRTX(capability, payloadAV1, payloadAV1+1)
	default:
		return nil
	}
}

// withRTX returns a video codec and its retransmission (RFC 4588). The interceptors add
// further feedback.
func withRTX(capability webrtc.RTPCodecCapability, payload, retransmission webrtc.PayloadType) []webrtc.RTPCodecParameters {
	capability.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}}
	rtx := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeRTX, ClockRate: capability.ClockRate, SDPFmtpLine: fmt.Sprintf("apt=%d", payload),
	}
	return []webrtc.RTPCodecParameters{
		{RTPCodecCapability: capability, PayloadType: payload},
		{RTPCodecCapability: rtx, PayloadType: retransmission},
	}
}
