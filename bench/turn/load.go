package turn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"callbox/bench/process"
)

// outcome is the result that the load generator prints for a measurement; see
// load/measure.go.
type outcome struct {
	Rate                              float64
	Sent, Refused, Arrived, Delivered int
	Duplicates, Overtaken             int
	Seconds, CPU, P50, P99            float64
	Others                            float64
	LagP99                            float64 `json:"lag_p99"`
	Allocations, Before, After        int
}

func (o *outcome) perCPU(n int) float64 {
	if o.CPU == 0 {
		return 0
	}
	return float64(n) / o.CPU
}

func (o *outcome) perSecond(n int) float64 {
	if o.Seconds == 0 {
		return 0
	}
	return float64(n) / o.Seconds
}

// loss returns the loss in percent.
func (o *outcome) loss() float64 {
	if o.Sent == 0 {
		return 0
	}
	return 100 * float64(o.Sent-o.Delivered) / float64(o.Sent)
}

// load runs the load generator against s until it ends.
func (r *runner) load(ctx context.Context, s *server, w row, args ...string) ([]outcome, error) {
	path := w.path
	if s.kind.forwards {
		path = "forward"
	}
	line := []string{r.programs.File("load"), "-server", s.address, "-secret", secret, "-pid", strconv.Itoa(s.pid()), "-transport", w.transport}
	if w.path != "" {
		line = append(line, "-path", path)
	}
	if r.programs.Pinned && !r.sleep {
		line = append(line, "-spin")
	}
	command := r.programs.Command(ctx, process.ClientCPU, append(line, args...)...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	profiled := process.Profile(ctx, s.admin, r.profile, time.Duration(max(1, len(w.asked(r.options))))*(r.warm+r.options.measure))
	out, err := command.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, complaint.Bytes())
	}
	if err := errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	var outcomes []outcome
	for text := range bytes.Lines(out) {
		var o outcome
		if err := json.Unmarshal(text, &o); err != nil {
			return nil, err
		}
		outcomes = append(outcomes, o)
	}
	if len(outcomes) == 0 || slices.ContainsFunc(outcomes, func(o outcome) bool { return o.Arrived+o.Allocations == 0 }) {
		return nil, errors.New("the server returned nothing during the measurement")
	}
	return outcomes, nil
}
