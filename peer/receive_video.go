package peer

import (
	"bytes"
	"sync"
	"time"

	"github.com/pion/rtp"

	"callbox/peer/pattern"
	"callbox/peer/vp8"
)

// codesToRecognise is how many barcodes it takes to recognise a video as the pattern
// if none of its frames is intact; a single one may be chance.
const codesToRecognise = 3

// maxLatencies is the most frames whose latency is kept: ten minutes at 60 per second.
const maxLatencies = 36000

// videoReceiver counts and verifies one received video stream.
type videoReceiver struct {
	mid    string
	sink   Sink           // may be nil
	shared *SharedPattern // may be nil
	first  func()         // called once, when the first frame is decoded

	mu        sync.Mutex
	meter     packetMeter
	assembler vp8.Assembler
	decoder   vp8.Decoder
	decoded   int64 // key frames
	received  int64
	firstAt   time.Time // of the first frame that decoded

	codes, intact int64
	byCode        sequence
	byPictureID   sequence
	lastID        int64 // extended picture ID of the newest frame
	idOffset      int64 // barcode number minus extended picture ID
	expected      []byte
	latencies     series // by the clocks of both sides, in ms
}

func newVideoReceiver(mid string, sink Sink, shared *SharedPattern, first func()) *videoReceiver {
	return &videoReceiver{mid: mid, sink: sink, shared: shared, first: first, decoder: vp8.Decoder{MaxPixels: pattern.MaxWidth * pattern.MaxHeight}}
}

// push handles one packet.
func (v *videoReceiver) push(p *rtp.Packet, now time.Time) {
	frame, ok := v.record(p, now)
	if !ok {
		return
	}
	if frame.KeyFrame && v.first != nil {
		v.first()
		v.first = nil
	}
	if v.sink != nil {
		v.sink.Frame(frame)
	}
}

func (v *videoReceiver) record(p *rtp.Packet, now time.Time) (ReceivedFrame, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.meter.count(p, now) {
		return ReceivedFrame{}, false
	}
	frame := v.assembler.Push(p)
	if frame == nil {
		return ReceivedFrame{}, false
	}
	v.received++
	result := ReceivedFrame{MID: v.mid, Codec: VP8, Data: frame.Data, At: now, Timestamp: frame.Timestamp}
	if vp8.IsKeyFrame(frame.Data) {
		v.inspect(&result)
	}
	v.number(frame, &result)
	return result, true
}

// inspect decodes a key frame and compares it with the pattern.
func (v *videoReceiver) inspect(r *ReceivedFrame) {
	if stamp, ok := v.shared.find(r.Data); ok { // its bytes are what they should be
		v.noteKeyFrame(r)
		v.noteStamp(r, stamp)
		r.Intact = true
		v.intact++
		return
	}
	picture, err := v.decoder.Decode(r.Data)
	if err != nil {
		return
	}
	v.noteKeyFrame(r)
	stamp, err := pattern.Read(picture)
	if err != nil {
		return
	}
	v.noteStamp(r, stamp)
	size := pattern.Size{Width: picture.Rect.Dx(), Height: picture.Rect.Dy()}
	if size.Check() != nil {
		return
	}
	v.expected = pattern.AppendFrame(v.expected[:0], size, stamp)
	if r.Intact = bytes.Equal(r.Data, v.expected); r.Intact {
		v.intact++
	}
}

func (v *videoReceiver) noteKeyFrame(r *ReceivedFrame) {
	v.decoded++
	r.KeyFrame = true
	if v.firstAt.IsZero() {
		v.firstAt = r.At
	}
}

func (v *videoReceiver) noteStamp(r *ReceivedFrame, stamp pattern.Stamp) {
	v.codes++
	r.Stamp = &stamp
	v.latencies.addUpTo(maxLatencies, float64(r.At.Sub(stamp.Clock).Microseconds())/1000)
}

// number records a frame in both sequences: in byCode by its barcode (or, if that
// cannot be read, by the position that its picture ID gives), and in byPictureID.
func (v *videoReceiver) number(f *vp8.Frame, r *ReceivedFrame) {
	id, hasID := v.extend(f)
	if hasID {
		v.byPictureID.record(id, r.At, r.At)
	}
	switch {
	case r.Stamp != nil:
		v.byCode.record(int64(r.Stamp.Number), r.Stamp.Clock, r.At)
		if hasID {
			v.idOffset = int64(r.Stamp.Number) - id
		}
	case hasID && v.codes > 0:
		v.byCode.record(id+v.idOffset, time.Time{}, r.At)
	}
}

// extend extends a picture ID of 7 or 15 bits to one that does not wrap.
func (v *videoReceiver) extend(f *vp8.Frame) (id int64, ok bool) {
	if f.PictureID < 0 {
		return 0, false
	}
	modulus := int64(1 << 7)
	if f.LongID {
		modulus = 1 << 15
	}
	if v.byPictureID.unique == 0 {
		v.lastID = int64(f.PictureID) + modulus
		return v.lastID, true
	}
	step := (int64(f.PictureID) - v.lastID%modulus + modulus) % modulus
	if step >= modulus/2 {
		step -= modulus
	}
	id = v.lastID + step
	v.lastID = max(v.lastID, id)
	return id, true
}

// isPattern reports whether this video is the pattern, so that every frame must be
// intact.
func (v *videoReceiver) isPattern() bool { return v.intact > 0 || v.codes >= codesToRecognise }

// fill writes what was received into a report. end is when the call was over.
func (v *videoReceiver) fill(m *Media, end time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	meter, decoded, received := v.meter, v.decoded, v.received
	meter.fill(m)
	m.KeyFramesDecoded = &decoded
	m.Frames = &Frames{Received: &received}
	if !v.isPattern() {
		v.byPictureID.fill(m.Frames, end)
		return
	}
	m.latencies = v.latencies
	intact, corrupt := v.intact, v.received-v.intact
	m.Frames.Intact, m.Frames.Corrupt = &intact, &corrupt
	v.byCode.fill(m.Frames, end)
}

// progress is what a receiver has received so far.
type progress struct {
	firstRTP, firstFrame time.Time // zero = not yet
	frames, decoded      int64
	incomplete           int // frames dropped because they stayed incomplete, or not yet complete
}

func (v *videoReceiver) progress() progress {
	v.mu.Lock()
	defer v.mu.Unlock()
	return progress{
		firstRTP: v.meter.firstAt, firstFrame: v.firstAt,
		frames: v.received, decoded: v.decoded, incomplete: v.assembler.Incomplete,
	}
}
