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

// tracedCalls makes calls while Chromium records the tasks of both pages, and returns the longest task of each call.
// They are not the calls whose time is measured, because recording takes time.
func tracedCalls(ctx context.Context, b *browser.Chromium, url string, calls int) (series []time.Duration, err error) {
	for i := range calls {
		stop, err := b.Trace(ctx, "toplevel", "blink.user_timing", "__metadata")
		if err != nil {
			return nil, err
		}
		_, err = browserCall(ctx, b, fmt.Sprintf("%s/r/traced-%d", url, i), true)
		events, stopErr := stop(ctx)
		if err := errors.Join(err, stopErr); err != nil {
			return nil, err
		}
		longest, err := longestTask(events)
		if err != nil {
			return nil, err
		}
		series = append(series, longest)
	}
	return series, nil
}

// longestTask returns the longest task of a page between the click on Join and the first frame of the other side.
func longestTask(events []browser.TraceEvent) (time.Duration, error) {
	type thread struct{ pid, tid int }
	pages := map[thread]bool{}
	var click, frame float64
	for _, e := range events {
		switch e.Name {
		case "thread_name":
			if e.Args["name"] == "CrRendererMain" {
				pages[thread{e.PID, e.TID}] = true
			}
		case "bench-click":
			click = e.TS // the newcomer clicks last
		case "bench-frame":
			if frame == 0 || e.TS < frame {
				frame = e.TS
			}
		}
	}
	if click == 0 || frame < click {
		return 0, errors.New("the trace lacks the marks of a call")
	}
	longest, tasks := 0.0, 0
	for _, e := range events {
		if e.Name == "ThreadControllerImpl::RunTask" && pages[thread{e.PID, e.TID}] && e.TS < frame && e.TS+e.Dur > click {
			longest = max(longest, e.Dur)
			tasks++
		}
	}
	if tasks == 0 {
		return 0, errors.New("the trace lacks the tasks of the pages")
	}
	return time.Duration(longest * float64(time.Microsecond)), nil
}
