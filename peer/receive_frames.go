package peer

import (
	"sync"
	"time"

	"github.com/pion/rtp"

	"callbox/peer/frames"
)

// frameReceiver counts a received video stream in a codec that this peer does not decode.
type frameReceiver struct {
	mid   string
	codec Codec
	sink  Sink
	first func() // called once, when the first key frame is complete

	mu        sync.Mutex
	meter     packetMeter
	assembler *frames.Assembler
	received  int64
	keys      int64
	firstAt   time.Time // of the first key frame
	arrivals  sequence
}

func newFrameReceiver(mid string, codec Codec, sink Sink, first func()) *frameReceiver {
	format := map[Codec]frames.Format{VP9: frames.VP9, H264: frames.H264, AV1: frames.AV1}[codec]
	return &frameReceiver{mid: mid, codec: codec, sink: sink, first: first, assembler: frames.NewAssembler(format)}
}

func (r *frameReceiver) push(p *rtp.Packet, now time.Time) {
	for _, f := range r.record(p, now) {
		if f.KeyFrame && r.first != nil {
			r.first()
			r.first = nil
		}
		r.sink.Frame(ReceivedFrame{MID: r.mid, Codec: r.codec, Data: f.Data, At: now, Timestamp: f.Timestamp, KeyFrame: f.KeyFrame})
	}
}

func (r *frameReceiver) record(p *rtp.Packet, now time.Time) []frames.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.meter.count(p, now) {
		return nil
	}
	complete := r.assembler.Push(p)
	for _, f := range complete {
		// There are no numbers in these frames: those that arrive follow each other.
		r.arrivals.record(r.received, time.Time{}, now)
		r.received++
		if f.KeyFrame {
			r.keys++
			if r.firstAt.IsZero() {
				r.firstAt = now
			}
		}
	}
	return complete
}

// fill writes what was received into a report.
func (r *frameReceiver) fill(m *Media, end time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	meter, received := r.meter, r.received
	meter.fill(m)
	m.Frames = &Frames{Received: &received}
	var f Frames
	if r.arrivals.fill(&f, end); f.FPS != nil {
		m.Frames.FPS, m.Frames.Freezes, m.Frames.LongestGapMS = f.FPS, f.Freezes, f.LongestGapMS
	}
}

func (r *frameReceiver) progress() progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return progress{
		firstRTP: r.meter.firstAt, firstFrame: r.firstAt,
		frames: r.received, decoded: r.keys, incomplete: r.assembler.Incomplete,
	}
}
