package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callbox/e2e/browser"
)

// taskLimit is how long a task of a page may keep it from reacting to the person.
const taskLimit = 50 * time.Millisecond

// task is a task of a main thread: how long it took, and for how much of that time the thread had a processor. For the rest it
// waited, because both pages, their cameras and their encoders share the machine.
type task struct{ took, ran time.Duration }

// tracedCalls makes calls while Chromium records the tasks of both pages, and returns the longest task of each call.
// They are not the calls whose time is measured, because recording takes time.
func tracedCalls(ctx context.Context, b *browser.Chromium, url string, calls int) (took, ran []time.Duration, err error) {
	for i := range calls {
		stop, err := b.Trace(ctx, "toplevel", "blink.user_timing")
		if err != nil {
			return nil, nil, err
		}
		_, err = browserCall(ctx, b, fmt.Sprintf("%s/r/traced-%d", url, i), true)
		events, stopErr := stop(ctx)
		if err := errors.Join(err, stopErr); err != nil {
			return nil, nil, err
		}
		longest, err := longestTask(events)
		if err != nil {
			return nil, nil, err
		}
		took, ran = append(took, longest.took), append(ran, longest.ran)
	}
	return took, ran, nil
}

// longestTask returns the longest task of either page between the click on Join and the first frame of the other side.
func longestTask(events []browser.TraceEvent) (task, error) {
	type thread struct{ pid, tid int }
	pages := map[thread]bool{} // their main threads: the browser has pages of its own, too
	var click, frame float64
	for _, e := range events {
		switch e.Name {
		case "bench-click":
			click = max(click, e.TS) // the newcomer clicks last
			pages[thread{e.PID, e.TID}] = true
		case "bench-frame":
			if frame == 0 || e.TS < frame {
				frame = e.TS
			}
		}
	}
	if len(pages) != 2 || frame < click {
		return task{}, errors.New("the trace lacks the marks of a call")
	}
	var longest browser.TraceEvent
	tasks := 0
	for _, e := range events {
		if e.Name == "ThreadControllerImpl::RunTask" && pages[thread{e.PID, e.TID}] && e.TS < frame && e.TS+e.Dur > click {
			if tasks++; e.Dur > longest.Dur {
				longest = e
			}
		}
	}
	if tasks == 0 {
		return task{}, errors.New("the trace lacks the tasks of the pages")
	}
	microseconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Microsecond)) }
	return task{took: microseconds(longest.Dur), ran: microseconds(longest.TDur)}, nil
}
