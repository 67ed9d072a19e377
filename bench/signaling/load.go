package signaling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"callbox/bench/process"
)

// outcome is the result that the load generator prints; see load/result.go.
type outcome struct {
	Messages, Cycles, Joined, Resumed, Refused, Closed int
	Seconds, CPU                                       float64
	P50, P99                                           float64
	LagP99                                             float64 `json:"lag_p99"`
}

func (o *outcome) perCPU(n int) float64 {
	if o.CPU == 0 {
		return 0
	}
	return float64(n) / o.CPU
}

func (o *outcome) perSecond(n int) float64 { return float64(n) / o.Seconds }

// load runs the load generator against s until it ends.
func (r *runner) load(ctx context.Context, s *server, args ...string) (*outcome, error) {
	command := r.programs.Command(ctx, process.ClientCPU, append(r.loadLine(s), args...)...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	profiled := process.Profile(ctx, s.admin, r.profile, r.warm+r.measure)
	line, err := command.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, complaint.Bytes())
	}
	if err := errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	o := new(outcome)
	if err := json.Unmarshal(line, o); err != nil {
		return nil, err
	}
	if o.Messages+o.Cycles == 0 {
		return nil, errors.New("the server returned nothing during the measurement")
	}
	return o, nil
}

func (r *runner) loadLine(s *server) []string {
	r.visits++
	return []string{
		r.programs.File("load"), "-url", s.url, "-dialect", s.kind.dialect,
		"-pid", strconv.Itoa(s.pid()), "-prefix", fmt.Sprintf("bench-%d", r.visits),
	}
}
