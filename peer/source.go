package peer

import (
	"context"
	"time"

	"github.com/pion/rtp"
)

// Sample is one encoded video frame, or the audio of one packet.
type Sample struct {
	Data     []byte
	Duration time.Duration // until the next sample; RTP timestamps advance by it
	// Packet is an RTP packet to be sent instead of Data, for sources that have RTP already;
	// nil = none. The stream goes on with the steps of its sequence numbers and timestamps: what
	// is missing in between is missing for the receiver. SSRC, payload type and header extensions
	// are not sent. Duration may be 0.
	Packet *rtp.Packet
}

// Source provides the video or the audio that a peer sends.
type Source interface {
	// Codecs returns the codecs that the source can provide, all of one kind, the
	// preferred one first. There is at least one, and they are always the same.
	Codecs() []Codec
	// Next waits until the next sample is due and returns it in the given codec, one of
	// Codecs. Data must stay valid until the next call. io.EOF ends the media, but not
	// the call; so does any other error, which is also logged. Next must return soon
	// after ctx ends. It is called from one goroutine at a time, for the first time when
	// the call is connected.
	Next(ctx context.Context, codec Codec) (Sample, error)
}

// maxLag is how far a pacer may fall behind and still catch up.
const maxLag = time.Second

// pacer paces calls of wait to one per step, the first at once. Steps are counted
// from the first one, so that delays do not add up.
type pacer struct {
	step time.Duration
	due  time.Time
}

func (p *pacer) wait(ctx context.Context) error {
	now := time.Now()
	if now.Sub(p.due) > maxLag { // also the first time
		p.due = now
	}
	timer := time.NewTimer(p.due.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		p.due = p.due.Add(p.step)
		return nil
	}
}
