package peer

import (
	"time"

	"callbox/peer/ctl"
)

// Pings says how long messages take on the data channel ctl, where this peer sends one
// ping a second.
type Pings struct {
	Sent  int64         `json:"sent"`
	Lost  *int64        `json:"lost"` // without an answer; null if the other side never answered one
	RTTMS *Distribution `json:"rtt_ms"`
}

// pingFigures is what the pings of a call have shown.
type pingFigures struct {
	sent, answered int64
	rtts           series // in ms
	clock          clockBounds
}

// note notes an answer.
func (f *pingFigures) note(sent, received time.Time, m ctl.Pong) {
	f.answered++
	f.rtts.add(float64(received.Sub(sent).Microseconds()) / 1000)
	f.clock.note(sent, received, time.UnixMilli(int64(min(m.R, ctl.MaxInteger))))
}

// report returns the figures; nil if no ping was sent. If pending is true, the answer to
// the last ping may still come.
func (f *pingFigures) report(pending bool) *Pings {
	if f.sent == 0 {
		return nil
	}
	r := &Pings{Sent: f.sent, RTTMS: f.rtts.distribution()}
	if f.answered > 0 {
		lost := f.sent - f.answered
		if pending {
			lost--
		}
		r.Lost = &lost
	}
	return r
}
