package e2e

import (
	"context"
	"fmt"
	"math"
)

// holdings is what a page holds on to, see walk.js.
type holdings struct{ Connections, Sockets, Tracks, Contexts, Intervals, Listeners int }

// finish has both leave three times, after they have used everything once. A page that has
// left has no connection and no device, and no more listeners and timers than the last time.
func (w *walker) finish() {
	w.t.Helper()
	before := map[*person]holdings{}
	for round := range 3 {
		for _, p := range w.people {
			if !p.there {
				rejoins(w, p)
			}
		}
		w.settle()
		for _, p := range w.people {
			togglesPanel(w, p)
			writes(w, p)
			toggles("mute", "audio")(w, p)
			togglesPanel(w, p)
		}
		w.settle()
		for _, p := range w.people {
			leaves(w, p)
		}
		for _, p := range w.people {
			limit := before[p]
			if round < 2 { // What is loaded when it is needed listens from then on.
				limit.Listeners, limit.Intervals = math.MaxInt, math.MaxInt
			}
			before[p] = p.awaitReleased(limit)
		}
	}
	w.s.awaitPeers(w.t, 0)
	w.s.awaitNoRelays(w.t)
	w.t.Logf("%d steps; the pages have %+v and %+v", len(w.taken), before[w.people[0]], before[w.people[1]])
}

// awaitReleased waits until a page has no connections, sockets and tracks after its person has left, and no more listeners
// and intervals than the limit.
func (p *person) awaitReleased(limit holdings) holdings {
	p.t.Helper()
	var now holdings
	if err := eventually(p.t, patience, func() error {
		now = eval[holdings](p.tab, "walk.left()")
		if counts, ok := p.Page.(interface {
			Listeners(ctx context.Context) (int, error)
		}); ok {
			all, err := counts.Listeners(p.t.Context())
			if err != nil {
				return err
			}
			now.Listeners = all // of all objects
		}
		if now.Connections != 0 || now.Sockets != 0 || now.Tracks != 0 || now.Listeners > limit.Listeners || now.Intervals > limit.Intervals {
			return fmt.Errorf("%s has left, and the page has %+v; before, it had %+v", p.name, now, limit)
		}
		return nil
	}); err != nil {
		p.t.Error(err)
	}
	return now
}
