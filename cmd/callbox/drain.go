package main

import (
	"context"
	"net/http"
	"time"
)

// maxDrain bounds --drain.
const maxDrain = 24 * time.Hour

// drain waits until the relays have ended by themselves, for at most limit,
// while no new ones are made.
func (p *turnPart) drain(ctx context.Context, limit time.Duration) {
	if limit == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p.log.Info("draining", "relays", p.turn.Snapshot().Active, "at_most", limit)
	if err := p.turn.Drain(ctx); err != nil {
		p.log.Warn("closing the relays that did not end in time", "relays", p.turn.Snapshot().Active)
	}
}

// drainRelays begins to drain and does not wait: 204 when no relay is left, 202
// while there are some.
func (p *turnPart) drainRelays(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if err := p.turn.Drain(ctx); err != nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
