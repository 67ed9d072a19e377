package peer

import (
	"sync"
	"time"

	"github.com/pion/rtp"

	"callbox/peer/opus"
	"callbox/peer/pcmu"
	"callbox/peer/sound"
)

// audioReceiver counts and measures one received audio stream.
type audioReceiver struct {
	mid   string
	codec Codec // Opus or PCMU
	sink  Sink  // may be nil

	mu      sync.Mutex
	meter   packetMeter
	decoder *opus.Decoder // of Opus
	samples []int16
	sound   sound.Meter
	deaf    bool // Config.CountAudio
}

func newAudioReceiver(mid string, codec Codec, sink Sink, deaf bool) *audioReceiver {
	a := &audioReceiver{mid: mid, codec: codec, sink: sink, deaf: deaf}
	if codec == Opus && !deaf {
		a.decoder = opus.NewDecoder()
	}
	return a
}

func (a *audioReceiver) push(p *rtp.Packet, now time.Time) {
	if a.record(p, now) && a.sink != nil {
		a.sink.Frame(ReceivedFrame{MID: a.mid, Codec: a.codec, Data: p.Payload, At: now, Timestamp: p.Timestamp})
	}
}

func (a *audioReceiver) record(p *rtp.Packet, now time.Time) (isNew bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.meter.count(p, now) {
		return false
	}
	if a.deaf {
		return true
	}
	if a.decoder == nil {
		a.samples = pcmu.AppendDecoded(a.samples[:0], p.Payload)
		a.sound.Write(a.samples)
		return true
	}
	// A packet that cannot be decoded has no sound to measure.
	if samples, err := a.decoder.Decode(p.Payload); err == nil {
		a.sound.Write(samples)
	}
	return true
}

// fill writes what was received into a report.
func (a *audioReceiver) fill(m *Media, _ time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	meter := a.meter
	meter.fill(m)
	if energy, ok := a.sound.Energy(); ok {
		m.Energy = &energy
	}
	if hz, ok := a.sound.ToneHz(); ok {
		m.ToneHz = &hz
	}
}

func (a *audioReceiver) progress() progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	return progress{firstRTP: a.meter.firstAt}
}
