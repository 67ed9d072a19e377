package siege

import (
	"fmt"
	"sync"
	"time"
)

// concern is one thing that people need. What goes wrong is noted by concern,
// so that the test that fails has its name.
type concern string

const (
	joining   concern = "joins"    // who comes gets a seat
	messaging concern = "messages" // what is sent is acknowledged, and comes once and in order
	keeping   concern = "seats"    // nobody's connection ends but by its own doing
	resuming  concern = "resumes"  // a seat is had back with nothing lost
	calling   concern = "calls"    // media flows through the relays without a gap
	relaying  concern = "relay"    // a new call gets relays and connects
)

func concerns() []concern {
	return []concern{joining, messaging, keeping, resuming, calling, relaying}
}

// ledger notes how people fare during an attack.
type ledger struct {
	mu     sync.Mutex
	faults map[concern][]string
	counts map[concern]int
	worst  map[concern]time.Duration
	again  int // joins that were not to be had at the first try
}

func newLedger() *ledger {
	return &ledger{faults: map[concern][]string{}, counts: map[concern]int{}, worst: map[concern]time.Duration{}}
}

func (l *ledger) fault(c concern, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[c] = append(l.faults[c], fmt.Sprintf(format, args...))
}

// good notes that something came about, and how long it took.
func (l *ledger) good(c concern, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[c]++
	l.worst[c] = max(l.worst[c], took)
}

func (l *ledger) retried() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again++
}

// take returns what was noted and begins anew.
func (l *ledger) take() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := &ledger{faults: l.faults, counts: l.counts, worst: l.worst, again: l.again}
	fresh := newLedger()
	l.faults, l.counts, l.worst, l.again = fresh.faults, fresh.counts, fresh.worst, 0
	return taken
}
