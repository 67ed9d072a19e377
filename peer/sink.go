package peer

import (
	"time"

	"github.com/pion/rtp"

	"callbox/peer/pattern"
)

// Sink receives the media of the other side.
type Sink interface {
	// Frame receives each complete video frame, in the order in which they became
	// complete, and each audio packet, in the order of arrival. It is called from one
	// goroutine for each track, so calls for different tracks may overlap. It must not
	// block.
	Frame(f ReceivedFrame)
}

// PacketSink is a Sink that also receives the RTP packets of media.
type PacketSink interface {
	Sink
	// Packet receives each RTP packet, in the order of arrival, before the frame that it
	// completes. Packets that were sent again (RFC 4588) arrive like the original ones, but
	// late. It is called like Frame, and must not block either.
	Packet(p ReceivedPacket)
}

// SinkFunc is a function that is a Sink.
type SinkFunc func(ReceivedFrame)

// Frame implements Sink.
func (s SinkFunc) Frame(f ReceivedFrame) { s(f) }

// ReceivedFrame is one encoded frame as it was received: a picture, or the audio of one
// packet.
type ReceivedFrame struct {
	MID       string // of its media section (RFC 5888), which tells apart tracks of one kind
	Codec     Codec
	Data      []byte // valid until Sink.Frame returns
	At        time.Time
	Timestamp uint32 // of RTP, in units of Codec.ClockRate

	// What only video has:
	KeyFrame bool           // it is a key frame and could be decoded
	Stamp    *pattern.Stamp // what its barcode says; nil = it has none
	Intact   bool           // Data is, byte for byte, what the stamp says it should be
}

// ReceivedPacket is one RTP packet as it was received.
type ReceivedPacket struct {
	MID    string
	Codec  Codec
	Packet *rtp.Packet // must not be changed; valid until PacketSink.Packet returns
	At     time.Time
}

// linkSink gives the media of one connection to the sinks of the call. It implements
// PacketSink.
type linkSink struct{ link *link }

// Frame implements Sink.
func (s linkSink) Frame(f ReceivedFrame) {
	if s.link.cfg.Sink != nil {
		s.link.cfg.Sink.Frame(f)
	}
	if s.link.recording.Load() {
		s.link.cfg.Record.Frame(f)
	}
}

// Packet implements PacketSink.
func (s linkSink) Packet(p ReceivedPacket) {
	if s.link.cfg.echo != nil {
		s.link.cfg.echo.push(p)
	}
	if packets, ok := s.link.cfg.Sink.(PacketSink); ok {
		packets.Packet(p)
	}
	if packets, ok := s.link.cfg.Record.(PacketSink); ok && s.link.recording.Load() {
		packets.Packet(p)
	}
}
