package vp8

import (
	"slices"

	"github.com/pion/rtp"
)

// Limits of what a sender can make an Assembler store.
const (
	maxPending       = 16   // frames of which packets are missing
	maxFramePackets  = 4096 // packets of one frame, about 5 MB
	rememberedFrames = 64   // complete frames whose late packets are recognised
)

// Frame is one encoded frame, assembled from RTP packets.
type Frame struct {
	Data      []byte
	Timestamp uint32 // RTP time, 90 kHz
	PictureID int    // from the payload descriptor, 7 or 15 bits long; -1 without one
	LongID    bool   // PictureID has 15 bits
	Packets   int
}

// Assembler assembles frames from RTP packets (RFC 7741). A frame is complete when its
// first packet (the start of partition 0), its last one (the marker bit) and all sequence
// numbers between them have arrived, in any order. So a frame is returned with its last
// packet and never waits for the next frame. An Assembler is for one stream and must not
// be used concurrently.
type Assembler struct {
	// Incomplete is the number of frames that were dropped because packets did not arrive.
	Incomplete int
	// Malformed is the number of packets without a valid payload descriptor.
	Malformed int

	pending []*partial
	done    []uint32 // timestamps of frames given out, oldest first
}

// partial is a frame with packets missing.
type partial struct {
	timestamp           uint32
	first, last         uint16
	hasFirst, hasMarker bool
	pictureID           int
	longID              bool
	packets             map[uint16][]byte
}

// Push adds a packet and returns the frame that it completes, or nil. It keeps the
// packet's payload, so the caller must not reuse that memory.
func (a *Assembler) Push(packet *rtp.Packet) *Frame {
	if len(packet.Payload) == 0 { // padding, as congestion control sends it
		return nil
	}
	d, ok := parseDescriptor(packet.Payload)
	if !ok {
		a.Malformed++
		return nil
	}
	if slices.Contains(a.done, packet.Timestamp) {
		return nil
	}
	p := a.partial(packet.Timestamp)
	if len(p.packets) >= maxFramePackets {
		return nil
	}
	p.packets[packet.SequenceNumber] = d.payload
	if d.start && d.partition == 0 && (!p.hasFirst || packet.SequenceNumber-p.first > 1<<15) {
		p.first, p.hasFirst = packet.SequenceNumber, true
		p.pictureID, p.longID = d.pictureID, d.longID
	}
	if packet.Marker {
		p.last, p.hasMarker = packet.SequenceNumber, true
	}
	if !p.hasFirst || !p.hasMarker || int(p.last-p.first)+1 != len(p.packets) {
		return nil
	}
	return a.finish(p)
}

// Pending returns the number of incomplete frames.
func (a *Assembler) Pending() int { return len(a.pending) }

func (a *Assembler) partial(timestamp uint32) *partial {
	for _, p := range a.pending {
		if p.timestamp == timestamp {
			return p
		}
	}
	if len(a.pending) == maxPending {
		a.remember(a.pending[0].timestamp)
		a.pending = slices.Delete(a.pending, 0, 1)
		a.Incomplete++
	}
	p := &partial{timestamp: timestamp, pictureID: -1, packets: make(map[uint16][]byte)}
	a.pending = append(a.pending, p)
	return p
}

func (a *Assembler) finish(p *partial) *Frame {
	f := &Frame{Timestamp: p.timestamp, PictureID: p.pictureID, LongID: p.longID, Packets: len(p.packets)}
	for i := range len(p.packets) {
		payload, ok := p.packets[p.first+uint16(i)]
		if !ok { // as many packets as needed, but not these: a sender that breaks the rules
			return nil
		}
		f.Data = append(f.Data, payload...)
	}
	a.pending = slices.DeleteFunc(a.pending, func(q *partial) bool { return q == p })
	a.remember(p.timestamp)
	return f
}

func (a *Assembler) remember(timestamp uint32) {
	if len(a.done) == rememberedFrames {
		a.done = slices.Delete(a.done, 0, 1)
	}
	a.done = append(a.done, timestamp)
}

// descriptor is the payload descriptor, RFC 7741 section 4.2.
type descriptor struct {
	start     bool
	partition int
	pictureID int // -1: none
	longID    bool
	payload   []byte
}

func parseDescriptor(b []byte) (d descriptor, ok bool) {
	const (
		extended, startBit                     = 0x80, 0x10
		hasID, hasLevel, hasLayer, hasKeyIndex = 0x80, 0x40, 0x20, 0x10
	)
	d = descriptor{pictureID: -1}
	if len(b) == 0 {
		return d, false
	}
	d.start, d.partition = b[0]&startBit != 0, int(b[0]&0x0f)
	more := b[0]&extended != 0
	b = b[1:]
	if !more {
		d.payload = b
		return d, len(b) > 0
	}
	if len(b) == 0 {
		return d, false
	}
	flags := b[0]
	b = b[1:]
	if flags&hasID != 0 {
		switch {
		case len(b) > 0 && b[0]&0x80 == 0:
			d.pictureID, b = int(b[0]), b[1:]
		case len(b) > 1:
			d.pictureID, d.longID, b = int(b[0]&0x7f)<<8|int(b[1]), true, b[2:]
		default:
			return d, false
		}
	}
	skip := 0
	if flags&hasLevel != 0 {
		skip++
	}
	if flags&(hasLayer|hasKeyIndex) != 0 {
		skip++
	}
	if len(b) <= skip { // a packet without payload carries nothing of a frame
		return d, false
	}
	d.payload = b[skip:]
	return d, true
}
