package peer

import (
	"context"
	"iter"
	"sync"
)

// maxEvents is how many events are kept for those who read them.
const maxEvents = 256

// eventLog keeps the newest events of a call.
type eventLog struct {
	mu      sync.Mutex
	dropped int // number of older events
	kept    []Event
	ended   bool
	changed chan struct{} // closed at the next change; nil = nobody waits
}

// add adds an event.
func (l *eventLog) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) == maxEvents {
		l.kept = append(l.kept[:0], l.kept[1:]...)
		l.dropped++
	}
	l.kept = append(l.kept, e)
	l.notify()
}

// end says that there will be no more events.
func (l *eventLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.notify()
}

// notify wakes those who wait. The caller holds mu.
func (l *eventLog) notify() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// next returns the event with number n, or the oldest after it that is kept, and its
// number. If there is none yet, it returns a channel to wait for; that is nil if there
// will be none.
func (l *eventLog) next(n int) (e Event, number int, wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number = max(n, l.dropped); number-l.dropped < len(l.kept) {
		return l.kept[number-l.dropped], number, nil
	}
	if l.ended {
		return Event{}, -1, nil
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return Event{}, -1, l.changed
}

// Events returns the events of the call, from the first: those that have happened at once,
// and the others as they happen. The sequence ends after the last event when the call has
// ended, or when ctx ends.
//
// There may be several readers, and a slow one holds nothing up: the call keeps the newest
// 256 events, and Event.Missed says how many have been dropped before one that is returned.
func (c *Call) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for due := 0; ctx.Err() == nil; {
			e, number, wait := c.log.next(due)
			if number >= 0 {
				e.Missed = number - due
				due = number + 1
				if !yield(e) {
					return
				}
				continue
			}
			if wait == nil {
				return
			}
			select {
			case <-wait:
			case <-ctx.Done():
			}
		}
	}
}
