// Package frames assembles encoded video frames from RTP packets, for the codecs in which
// the packets do not say which is the first of a frame: VP9 (RFC 9628), H.264 (RFC 6184) and
// AV1. Package vp8 has an assembler for VP8, which says it.
package frames

import (
	"slices"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// Limits of what a sender can make an Assembler store.
const (
	maxPackets = 2048
	maxFrame   = 8 << 20
)

// Format is how a codec is put into packets.
type Format int

// The formats.
const (
	VP9 Format = iota
	H264
	AV1
)

// Frame is one encoded frame: of VP9 a frame with all its layers, of H.264 an access unit with
// start codes, of AV1 a temporal unit in the low-overhead format.
type Frame struct {
	Data      []byte
	Timestamp uint32 // RTP time, 90 kHz
	KeyFrame  bool   // decoding can begin with it
}

// Assembler assembles the frames of one stream, in their order. A frame that stays incomplete
// is given up when maxPackets wait behind it, or when the frames after it are newer by half
// a second. An Assembler must not be used concurrently.
type Assembler struct {
	// Incomplete is the number of frames that were given up, at least.
	Incomplete int

	format  Format
	started bool
	next    uint16 // number of the first packet of the next frame
	waiting []*rtp.Packet
}

// patience is how much newer the newest packet may be than a frame that is not complete, in
// units of the timestamps.
const patience = 45000

// NewAssembler returns an Assembler.
func NewAssembler(f Format) *Assembler { return &Assembler{format: f} }

// Push adds a packet and returns the frames that it completes. It keeps the packet, so the
// caller must not change it.
func (a *Assembler) Push(p *rtp.Packet) (complete []Frame) {
	if !a.started {
		if !isHead(a.format, p.Payload) { // the rest of a frame that began before
			return nil
		}
		a.started, a.next = true, p.SequenceNumber
	}
	if distance(a.next, p.SequenceNumber) < 0 {
		return nil
	}
	at, found := slices.BinarySearchFunc(a.waiting, p, func(b, c *rtp.Packet) int {
		return distance(c.SequenceNumber, b.SequenceNumber)
	})
	if found {
		return nil
	}
	a.waiting = slices.Insert(a.waiting, at, p)
	for {
		packets, ok := a.take()
		if !ok && !a.giveUp() {
			return complete
		}
		if frame, ok := a.depacketize(packets); ok {
			complete = append(complete, frame)
		}
	}
}

// isHead reports whether a frame can begin with a payload.
func isHead(f Format, payload []byte) bool {
	const fuA, fuB = 28, 29 // fragments of a NAL unit, RFC 6184 section 5.8
	switch {
	case len(payload) < 2:
		return false
	case f == VP9:
		return payload[0]&0x08 != 0 // B, RFC 9628 section 4.2
	case f == H264:
		kind := payload[0] & 0x1f
		return kind != fuA && kind != fuB || payload[1]&0x80 != 0
	default:
		return payload[0]&0x80 == 0 // Z, AV1 RTP specification section 4.4
	}
}

// distance returns how far b is after a.
func distance(a, b uint16) int { return int(int16(b - a)) } //nolint:gosec // numbers wrap

// take takes the packets of the next frame, if all are there: without a gap from the end of
// the one before up to the marker, or up to another timestamp.
func (a *Assembler) take() ([]*rtp.Packet, bool) {
	for i, p := range a.waiting {
		if p.SequenceNumber != a.next+uint16(i) {
			return nil, false
		}
		if p.Timestamp != a.waiting[0].Timestamp {
			return a.cut(i), true
		}
		if p.Marker {
			return a.cut(i + 1), true
		}
	}
	return nil, false
}

// cut removes the first n packets.
func (a *Assembler) cut(n int) []*rtp.Packet {
	packets := slices.Clone(a.waiting[:n])
	a.next = packets[n-1].SequenceNumber + 1
	a.waiting = slices.Delete(a.waiting, 0, n)
	return packets
}

// giveUp drops the frame that is not complete if too much waits for it: the packets up to the
// next gap, and after the gap those up to the end of a frame.
func (a *Assembler) giveUp() bool {
	if len(a.waiting) == 0 {
		return false
	}
	newest := a.waiting[len(a.waiting)-1]
	if age := int32(newest.Timestamp - a.waiting[0].Timestamp); len(a.waiting) < maxPackets && age < patience { //nolint:gosec // wraps
		return false
	}
	a.Incomplete++
	gap := false
	for i, p := range a.waiting {
		gap = gap || p.SequenceNumber != a.next+uint16(i)
		if gap && (p.Marker || i > 0 && p.Timestamp != a.waiting[i-1].Timestamp && a.waiting[i-1].SequenceNumber+1 == p.SequenceNumber) {
			if p.Marker {
				i++
			}
			a.next = a.waiting[i-1].SequenceNumber + 1
			a.waiting = slices.Delete(a.waiting, 0, i)
			return true
		}
	}
	a.started, a.waiting = false, nil
	return false
}

// depacketize returns the frame in the packets; false if there is none, or a malformed one.
func (a *Assembler) depacketize(packets []*rtp.Packet) (Frame, bool) {
	if len(packets) == 0 {
		return Frame{}, false
	}
	var read func([]byte) ([]byte, error)
	switch a.format {
	case VP9:
		read = (&codecs.VP9Packet{}).Unmarshal
	case H264:
		read = (&codecs.H264Packet{}).Unmarshal
	default:
		read = (&codecs.AV1Depacketizer{}).Unmarshal
	}
	f := Frame{Timestamp: packets[0].Timestamp}
	for _, p := range packets {
		if len(p.Payload) == 0 { // padding, as congestion control sends it
			continue
		}
		part, err := read(p.Payload)
		if err != nil || len(f.Data)+len(part) > maxFrame {
			return Frame{}, false
		}
		f.Data = append(f.Data, part...)
	}
	f.KeyFrame = isKeyFrame(a.format, f.Data)
	return f, len(f.Data) > 0
}
