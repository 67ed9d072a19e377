package peer

import (
	"sync"
	"time"

	"github.com/pion/rtp"

	"callbox/peer/pcmu"
)

// AudioSink gets each audio packet, in the order of arrival, from one
// goroutine. It must not block.
type AudioSink interface {
	// Samples gets µ-law bytes (PCMU, 8 kHz), valid until it returns.
	Samples(block []byte, at time.Time)
}

// audioReceiver counts and measures what comes on one audio stream.
type audioReceiver struct {
	sink AudioSink // may be nil

	mu    sync.Mutex
	meter packetMeter
	sound pcmu.Meter
}

func (a *audioReceiver) push(p *rtp.Packet, now time.Time) {
	if a.record(p, now) && a.sink != nil {
		a.sink.Samples(p.Payload, now)
	}
}

func (a *audioReceiver) record(p *rtp.Packet, now time.Time) (isNew bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.meter.count(p, now) {
		return false
	}
	a.sound.Write(p.Payload)
	return true
}

// fill writes what came into a report.
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
