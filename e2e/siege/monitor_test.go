package siege

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	usageEvery   = 50 * time.Millisecond
	healthEvery  = 250 * time.Millisecond
	metricsEvery = time.Second
)

// monitor measures a server all the time, and keeps the highest values.
type monitor struct {
	mu     sync.Mutex
	seen   usage
	held   float64       // callbox_memory_peak_bytes
	budget float64       // callbox_memory_budget_bytes
	health time.Duration // the slowest response of /healthz
	faults []string
}

// start measures until ctx ends; wait waits for the end.
func (m *monitor) start(ctx context.Context, s *server, patience time.Duration) (wait func()) {
	var all sync.WaitGroup
	every(ctx, &all, usageEvery, func() {
		seen, err := s.usage()
		if err == nil {
			m.mu.Lock()
			m.seen.most(seen)
			m.mu.Unlock()
		}
	})
	every(ctx, &all, healthEvery, func() { m.checkHealth(ctx, s, patience) })
	every(ctx, &all, metricsEvery, func() {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if metrics, err := s.metrics(limited); err == nil {
			m.mu.Lock()
			m.held, m.budget = metrics["callbox_memory_peak_bytes"], metrics["callbox_memory_budget_bytes"]
			m.mu.Unlock()
		}
	})
	return all.Wait
}

// checkHealth measures how long /healthz takes. It is a fault if that fails or takes
// longer than patience.
func (m *monitor) checkHealth(ctx context.Context, s *server, patience time.Duration) {
	limited, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	begun := time.Now()
	_, err := s.get(limited, "/healthz")
	took := time.Since(begun)
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.health = max(m.health, took)
	if err != nil || took > patience {
		m.faults = append(m.faults, fmt.Sprintf("/healthz took %v, %v", took.Round(time.Millisecond), err))
	}
}

// every calls f once per period until ctx ends.
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

// measured is what a monitor has measured since the last drain.
type measured struct {
	usage
	held, budget float64
	health       time.Duration
	faults       []string
}

func (m *monitor) drain() measured {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := measured{m.seen, m.held, m.budget, m.health, m.faults}
	m.seen, m.health, m.faults = usage{}, 0, nil
	return s
}
