package peer

import (
	"context"
	"errors"
	"time"
)

// Stats are the figures of a call up to now.
type Stats struct {
	Path  *Path   // nil if the call was never connected
	Media []Media // as in a Report; nil before the first negotiation
}

// Stats returns the figures of the call up to now, those of its current connection. The
// error is an [*EndedError], or the cause of the end of ctx.
func (c *Call) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := c.do(ctx, func() error {
		if c.partner != nil && c.partner.link != nil {
			s = Stats{Path: c.partner.link.reportPath(c.start), Media: c.partner.link.reportMedia(time.Now())}
		}
		return nil
	})
	if err != nil {
		return Stats{}, err
	}
	return s, nil
}

// Report returns the report up to now, with the result that the call would have if this
// side hung up now. What is known only after the end is null. After the end it is the
// report that Wait returns. The error is the cause of the end of ctx.
func (c *Call) Report(ctx context.Context) (*Report, error) {
	var r *Report
	err := c.do(ctx, func() error {
		r = c.reportNow()
		return nil
	})
	switch {
	case errors.Is(err, ErrCallEnded):
		return c.final, nil
	case err != nil:
		return nil, err
	}
	return r, nil
}

// reportNow ends the call in the report alone.
func (c *Call) reportNow() *Report {
	failed := len(c.failures)
	c.noteMedia()
	c.handleHangup()
	r := c.report()
	r.setResult(&c.cfg, c.outcome.code, c.outcome.reason)
	if r.Data != nil { // which goes on
		data := *r.Data
		r.Data = &data
	}
	c.outcome, c.failures, c.timeline.hangup = nil, c.failures[:failed:failed], time.Time{}
	return r
}
