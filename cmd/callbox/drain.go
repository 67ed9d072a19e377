package main

import (
	"context"
	"net/http"
	"time"
)

// maxDrain is the maximum of --drain.
const maxDrain = 24 * time.Hour

// drain waits until the relays have ended by themselves, for at most limit. New ones
// are refused meanwhile.
func (p *turnService) drain(ctx context.Context, limit time.Duration) {
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

// drainRelays starts draining and does not wait. It answers 204 if no relay is left,
// and 202 otherwise.
func (p *turnService) drainRelays(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if err := p.turn.Drain(ctx); err != nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
