package siege

import (
	"fmt"
	"sync"
	"time"
)

// aspect is one aspect of the service. Faults are recorded by aspect, and the
// test that fails has the aspect's name.
type aspect string

const (
	joining   aspect = "joins"    // newcomers get a seat
	messaging aspect = "messages" // messages are acknowledged, and arrive once and in order
	keeping   aspect = "seats"    // nobody loses a connection or a seat
	resuming  aspect = "resumes"  // peers resume their seats without a loss
	calling   aspect = "calls"    // relayed media arrives without a gap
	relaying  aspect = "relay"    // a new call gets relays and connects
)

func aspects() []aspect {
	return []aspect{joining, messaging, keeping, resuming, calling, relaying}
}

// outcomes collects what people experience during an attack.
type outcomes struct {
	mu     sync.Mutex
	faults map[aspect][]string
	counts map[aspect]int
	worst  map[aspect]time.Duration
	again  int // failed attempts to join
}

func newOutcomes() *outcomes {
	return &outcomes{faults: map[aspect][]string{}, counts: map[aspect]int{}, worst: map[aspect]time.Duration{}}
}

func (o *outcomes) fault(c aspect, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults[c] = append(o.faults[c], fmt.Sprintf(format, args...))
}

// success records that something worked, and how long it took.
func (o *outcomes) success(c aspect, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts[c]++
	o.worst[c] = max(o.worst[c], took)
}

func (o *outcomes) retried() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.again++
}

// drain returns what was recorded so far, and clears it.
func (o *outcomes) drain() *outcomes {
	o.mu.Lock()
	defer o.mu.Unlock()
	drained := &outcomes{faults: o.faults, counts: o.counts, worst: o.worst, again: o.again}
	empty := newOutcomes()
	o.faults, o.counts, o.worst, o.again = empty.faults, empty.counts, empty.worst, 0
	return drained
}
