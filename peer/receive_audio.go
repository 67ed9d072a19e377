package peer

import (
	"sync"
	"time"

	"github.com/pion/rtp"

	"callbox/peer/pcmu"
)

// AudioSink receives each audio packet, in the order of arrival. Its method is called
// from one goroutine per track and must not block.
type AudioSink interface {
	// Samples receives µ-law bytes (PCMU, 8 kHz), which are valid until it returns.
	Samples(block []byte, at time.Time)
}

// audioReceiver counts and measures one received audio stream.
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
