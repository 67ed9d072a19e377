package peer

import (
	"context"
	"fmt"

	"callbox/peer/ctl"
)

// Mute stops sending "audio" or "video", or goes on with it, and tells the other side
// (docs/call.md), now or when it can be told. The source is not asked for samples
// meanwhile, so the numbers of a pattern have no gap.
//
// The error is ErrNotSent, an [*EndedError], or the cause of the end of ctx.
func (c *Call) Mute(ctx context.Context, kind string, muted bool) error {
	source, err := c.sourceOf(kind)
	if err != nil {
		return err
	}
	return c.do(ctx, func() error {
		source.pause(muted)
		if c.partner != nil && c.partner.link != nil && c.partner.link.ctl.ready() {
			c.partner.link.ctl.send(c.state())
		}
		return nil
	})
}

// ReplaceSource sends something else as "audio" or "video", without a negotiation. What
// the source before has made is lost; it can be used elsewhere only after the call. The
// error is ErrNotSent, or wraps ErrCodec: the source must provide the negotiated codec, or,
// before the call is connected, all those of the source before.
func (c *Call) ReplaceSource(kind string, source Source) error {
	before, err := c.sourceOf(kind)
	if err != nil {
		return err
	}
	return before.replace(source)
}

func (c *Call) sourceOf(kind string) (*switchedSource, error) {
	switch {
	case kind == "audio" && c.audio != nil:
		return c.audio, nil
	case kind == "video" && c.video != nil:
		return c.video, nil
	default:
		return nil, fmt.Errorf("%q: %w", kind, ErrNotSent)
	}
}

// state is what this side has switched on.
func (c *Call) state() ctl.State {
	on := func(s *switchedSource) bool {
		if s == nil {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.isPaused()
	}
	return ctl.State{Audio: on(c.audio), Video: on(c.video), Recording: c.cfg.Record != nil}
}
