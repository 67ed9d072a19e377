package browser

import (
	"context"
	"encoding/json"
	"fmt"
)

// TraceEvent is one event of Chromium's trace format.
type TraceEvent struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	TS    float64        `json:"ts"`   // microseconds
	Dur   float64        `json:"dur"`  // microseconds
	TDur  float64        `json:"tdur"` // microseconds with a processor
	Args  map[string]any `json:"args"`
}

// Trace records events of some categories in all processes of the browser, until stop is called, which
// returns them. Only one trace can be recorded at a time.
func (c *Chromium) Trace(ctx context.Context, categories ...string) (stop func(context.Context) ([]TraceEvent, error), err error) {
	t := &trace{complete: make(chan struct{})}
	c.mu.Lock()
	c.trace = t
	c.mu.Unlock()
	config := object{"recordMode": "recordAsMuchAsPossible", "includedCategories": categories}
	if err := c.link.call(ctx, "", "Tracing.start", object{"transferMode": "ReportEvents", "traceConfig": config}, nil); err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]TraceEvent, error) {
		if err := c.link.call(ctx, "", "Tracing.end", object{}, nil); err != nil {
			return nil, err
		}
		select {
		case <-t.complete:
			return t.events, t.err
		case <-c.link.done:
			return nil, errClosed
		case <-ctx.Done():
			return nil, fmt.Errorf("trace: %w", context.Cause(ctx))
		}
	}, nil
}

// trace collects events. Only the goroutine of link.run writes it, until it is complete.
type trace struct {
	events   []TraceEvent
	err      error
	complete chan struct{}
}

func (t *trace) event(m message) {
	switch m.Method {
	case "Tracing.dataCollected":
		var data struct{ Value []TraceEvent }
		if err := json.Unmarshal(m.Params, &data); err != nil {
			t.err = err
			return
		}
		t.events = append(t.events, data.Value...)
	case "Tracing.tracingComplete":
		close(t.complete)
	}
}
