package siege

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	lookEvery    = 50 * time.Millisecond
	healthEvery  = 250 * time.Millisecond
	metricsEvery = time.Second
)

// watch looks at a server all the time, and keeps the worst.
type watch struct {
	mu     sync.Mutex
	seen   usage
	held   float64       // most that the budget of memory had given out
	budget float64       // that budget
	health time.Duration // slowest answer of /healthz
	faults []string
}

// start watches until ctx ends; wait returns when it has.
func (w *watch) start(ctx context.Context, s *server, patience time.Duration) (wait func()) {
	var all sync.WaitGroup
	every(ctx, &all, lookEvery, func() {
		seen, err := s.usage()
		if err == nil {
			w.mu.Lock()
			w.seen.most(seen)
			w.mu.Unlock()
		}
	})
	every(ctx, &all, healthEvery, func() { w.askHealth(ctx, s, patience) })
	every(ctx, &all, metricsEvery, func() {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if metrics, err := s.metrics(limited); err == nil {
			w.mu.Lock()
			w.held, w.budget = metrics["callbox_memory_peak_bytes"], metrics["callbox_memory_budget_bytes"]
			w.mu.Unlock()
		}
	})
	return all.Wait
}

// askHealth notes how long /healthz takes. The fault is its being too slow or
// silent; patience bounds the asking.
func (w *watch) askHealth(ctx context.Context, s *server, patience time.Duration) {
	limited, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	begun := time.Now()
	_, err := s.get(limited, "/healthz")
	took := time.Since(begun)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.health = max(w.health, took)
	if err != nil || took > patience {
		w.faults = append(w.faults, fmt.Sprintf("/healthz took %v, %v", took.Round(time.Millisecond), err))
	}
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, all *sync.WaitGroup, period time.Duration, f func()) {
	all.Go(func() {
		ticks := time.NewTicker(period)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				f()
			case <-ctx.Done():
				return
			}
		}
	})
}

// seen is what a watch saw since it was last asked.
type seen struct {
	usage
	held, budget float64
	health       time.Duration
	faults       []string
}

func (w *watch) take() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := seen{w.seen, w.held, w.budget, w.health, w.faults}
	w.seen, w.health, w.faults = usage{}, 0, nil
	return s
}
