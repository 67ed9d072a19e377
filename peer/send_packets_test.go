package peer

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// A stream goes on through samples and packets of other streams: its sequence numbers have no gap
// but those of the packets, and its time does not run back.
func TestPacketizer(t *testing.T) {
	t.Parallel()
	p := newPacketizer(VP8)
	p.sequence, p.timestamp = 65534, 1<<32-3000
	now := time.Now()
	packet := func(ssrc uint32, number uint16, timestamp uint32) Sample {
		return Sample{Packet: &rtp.Packet{Header: rtp.Header{
			SSRC: ssrc, SequenceNumber: number, Timestamp: timestamp, Marker: true, Extension: true, PayloadType: 9,
		}, Payload: []byte("x")}}
	}
	picture := Sample{Data: make([]byte, 2000), Duration: time.Second / 30}
	for i, c := range []struct {
		after    time.Duration
		sample   Sample
		sequence uint16
		time     uint32
	}{
		{0, picture, 65534, 1<<32 - 3000},
		{0, picture, 0, 0},
		{0, packet(7, 100, 500), 2, 3000},
		{0, packet(7, 103, 3500), 5, 6000}, // two are missing
		{0, packet(7, 101, 3500), 3, 6000}, // one of them comes late
		{time.Second, packet(7, 50000, 1<<31), 6, 96000},
		{time.Second, packet(8, 50001, 7), 7, 186000}, // another stream
		{time.Second, picture, 8, 276000},
		{0, picture, 10, 279000},
	} {
		now = now.Add(c.after)
		packets := p.packets(c.sample, now)
		h := packets[0].Header
		if h.SequenceNumber != c.sequence || h.Timestamp != c.time || h.Extension || h.Version != 2 {
			t.Errorf("step %d: %d at %d, want %d at %d", i, h.SequenceNumber, h.Timestamp, c.sequence, c.time)
		}
		if last := packets[len(packets)-1]; !last.Marker || last.SequenceNumber != c.sequence+uint16(len(packets)-1) {
			t.Errorf("step %d: the last packet is %v", i, last.Header)
		}
	}
}

// There is a way into packets for each codec of a file.
func TestPacketizerOfEachCodec(t *testing.T) {
	t.Parallel()
	for codec, frame := range map[Codec][]byte{
		VP8: make([]byte, 3000), VP9: append([]byte{0x86}, make([]byte, 3000)...), AV1: {0x32, 2, 1, 1},
		H264: {0, 0, 0, 1, 0x65, 0x88}, Opus: {0xf8, 1}, PCMU: make([]byte, 160),
	} {
		packets := newPacketizer(codec).packets(Sample{Data: frame}, time.Now())
		if len(packets) == 0 || len(packets[0].Payload) > maxPacket {
			t.Errorf("%s: %d packets", codec, len(packets))
		}
	}
}
