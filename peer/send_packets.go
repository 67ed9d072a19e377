package peer

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

const (
	// maxPacket is the size of the largest RTP packet that this peer makes, in bytes.
	maxPacket = 1200
	rtpHeader = 12
	// maxMissing is how many packets of a source may be missing in a row. Beyond that, the
	// source has begun something new, and nobody need ask for what is missing.
	maxMissing = 1000
)

// packetizer makes the RTP stream of a track, of samples and of packets.
type packetizer struct {
	payloader rtp.Payloader
	rate      float64 // of the timestamps, in Hz

	sequence  uint16  // of the next packet
	timestamp float64 // of the next sample; grows, and is cut to 32 bits
	sent      time.Time

	copying bool   // the last sample was a packet
	ssrc    uint32 // of its stream
	// What is added to the numbers of packets:
	addSequence  uint16
	addTimestamp uint32
}

func newPacketizer(codec Codec) *packetizer {
	return &packetizer{
		payloader: payloaderOf(codec), rate: float64(codec.ClockRate()),
		sequence: uint16(rand.Uint32()), timestamp: float64(rand.Uint32()), //nolint:gosec // they need not be secret: SRTP encrypts
	}
}

// payloaderOf splits frames into the payloads of packets.
func payloaderOf(codec Codec) rtp.Payloader {
	switch codec {
	case VP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case VP9:
		return &codecs.VP9Payloader{}
	case AV1:
		return &codecs.AV1Payloader{}
	case H264:
		return &codecs.H264Payloader{}
	case PCMU:
		return &codecs.G711Payloader{}
	default:
		return &codecs.OpusPayloader{}
	}
}

// packets returns the packets of a sample. SSRC and payload type are set later.
func (p *packetizer) packets(s Sample, now time.Time) []*rtp.Packet {
	defer func() { p.sent = now }()
	if s.Packet != nil {
		return []*rtp.Packet{p.copy(s, now)}
	}
	if p.copying {
		p.timestamp += now.Sub(p.sent).Seconds() * p.rate
		p.copying = false
	}
	payloads := p.payloader.Payload(maxPacket-rtpHeader, s.Data)
	packets := make([]*rtp.Packet, len(payloads))
	for i, payload := range payloads {
		packets[i] = &rtp.Packet{
			Header: rtp.Header{
				Version: 2, Marker: i == len(payloads)-1, SequenceNumber: p.sequence, Timestamp: wrap(p.timestamp),
			},
			Payload: payload,
		}
		p.sequence++
	}
	p.timestamp += s.Duration.Seconds() * p.rate
	return packets
}

// copy continues the stream with a packet of another stream: with the steps of its sequence
// numbers and timestamps.
func (p *packetizer) copy(s Sample, now time.Time) *rtp.Packet {
	from := &s.Packet.Header
	step := int16(from.SequenceNumber + p.addSequence - p.sequence) //nolint:gosec // wraps
	if !p.copying || from.SSRC != p.ssrc || step > maxMissing || step < -maxMissing {
		if p.copying { // since the last packet, time has passed
			p.timestamp += now.Sub(p.sent).Seconds() * p.rate
		}
		p.copying, p.ssrc = true, from.SSRC
		p.addSequence, p.addTimestamp = p.sequence-from.SequenceNumber, wrap(p.timestamp)-from.Timestamp
	}
	copied := &rtp.Packet{
		Header: rtp.Header{
			Version: 2, Marker: from.Marker, SequenceNumber: from.SequenceNumber + p.addSequence, Timestamp: from.Timestamp + p.addTimestamp,
		},
		Payload: s.Packet.Payload,
	}
	if int16(copied.SequenceNumber-p.sequence) >= 0 { //nolint:gosec // wraps
		p.sequence = copied.SequenceNumber + 1
		p.timestamp = float64(copied.Timestamp) + s.Duration.Seconds()*p.rate
	}
	return copied
}

// wrap returns the low 32 bits of a timestamp.
func wrap(timestamp float64) uint32 { return uint32(uint64(math.Round(timestamp))) } //nolint:gosec // that is the point
