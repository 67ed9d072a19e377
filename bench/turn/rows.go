package turn

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// row is a load for every server that supports it.
type row struct {
	name, label string
	path        string // pair, up, down
	transport   string // udp, tcp, tls
	args        []string
	rates       []int // packets per second; empty = no fixed rates
	search      bool  // for the highest rate without loss, and then a higher one
	idle        bool
}

func rows() []row {
	const udp = "udp"
	bytes := func(n int) []string { return []string{"-bytes", strconv.Itoa(n)} }
	bursts := func(n int, more ...string) []string {
		return append([]string{"-bytes", "1000", "-burst", strconv.Itoa(n)}, more...)
	}
	return []row{
		{name: "pairs", label: "pairs, 1,000 bytes, evenly paced", path: "pair", transport: udp, args: bytes(1000), rates: []int{20_000, 60_000}},
		{name: "small", label: "pairs, 160 bytes, evenly paced", path: "pair", transport: udp, args: bytes(160), rates: []int{20_000, 60_000}},
		{name: "burst4", label: "pairs, bursts of 4", path: "pair", transport: udp, args: bursts(4), rates: []int{20_000, 60_000}},
		{name: "burst8", label: "pairs, bursts of 8", path: "pair", transport: udp, args: bursts(8), rates: []int{60_000}},
		{name: "coalesced", label: "pairs, bursts of 8, coalesced", path: "pair", transport: udp, args: bursts(8, "-coalesce"), rates: []int{60_000, 200_000}},
		{name: "up", label: "one hop, client to peer, bursts of 4", path: "up", transport: udp, args: bursts(4), rates: []int{40_000, 90_000}},
		{name: "down", label: "one hop, peer to client, bursts of 4", path: "down", transport: udp, args: bursts(4), rates: []int{40_000, 90_000}},
		{name: "tcp", label: "pairs over TCP, evenly paced", path: "pair", transport: "tcp", args: bytes(1000), rates: []int{20_000}},
		{name: "tcp4", label: "pairs over TCP, bursts of 4", path: "pair", transport: "tcp", args: bursts(4), rates: []int{40_000}},
		{name: "tls", label: "pairs over TLS, evenly paced", path: "pair", transport: "tls", args: bytes(1000), rates: []int{20_000}},
		{name: "tls4", label: "pairs over TLS, bursts of 4", path: "pair", transport: "tls", args: bursts(4), rates: []int{40_000}},
		{name: "indications", label: "pairs, Send and Data indications, evenly paced", path: "pair", transport: udp, args: []string{"-framing", "indication"}, rates: []int{20_000}},
		{name: "idle", label: "idle allocations", transport: udp, idle: true},
		{name: "saturation", label: "saturation, pairs, bursts of 4", path: "pair", transport: udp, args: bursts(4), search: true},
		{name: "saturation-up", label: "saturation, one hop up, bursts of 8", path: "up", transport: udp, args: bursts(8), search: true},
		{name: "saturation-coalesced", label: "saturation, one hop up, bursts of 8, coalesced", path: "up", transport: udp, args: bursts(8, "-coalesce"), search: true},
	}
}

func rowNames() (names []string) {
	for _, w := range rows() {
		names = append(names, w.name)
	}
	return names
}

// The figures of a row.
const (
	figureCPU      = "delivered packets per CPU second"
	figureLoss     = "lost, %"
	figureP50      = "latency p50, µs"
	figureP99      = "latency p99, µs"
	figureMaximum  = "highest rate with < 0.1 % loss, packets/s"
	figureHops     = "hops through the kernel per CPU second, overloaded"
	figureMemory   = "resident memory of each, KiB"
	figureAllocate = "allocations per CPU second"
)

// figure returns the name of a figure of a row at a rate; 0 = without a rate.
func (w *row) figure(rate int, what string) string {
	if rate == 0 {
		return w.label + ": " + what
	}
	return fmt.Sprintf("%s, %s/s: %s", w.label, thousands(rate), what)
}

// thousands formats n with commas between groups of three digits.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// asked returns the rates of a row in this run.
func (w *row) asked(o *options) []int {
	if len(w.rates) > 0 && len(o.rates) > 0 {
		return o.rates
	}
	return w.rates
}

// hops returns how many times a packet crosses the kernel, from one socket of the server to
// another.
func (w *row) hops(k kind) float64 {
	if w.path == "pair" && !k.forwards && !k.shortens {
		return 2
	}
	return 1
}

// measure measures one server in the row, and adds the figures.
func (r *runner) measure(ctx context.Context, k kind, w row) error {
	return r.with(ctx, k, w, func(s *server) error {
		args := append([]string{"-warm", r.warm.String(), "-for", r.options.measure.String(), "-flows", strconv.Itoa(r.flows), "-tries", strconv.Itoa(r.tries)}, w.args...)
		switch {
		case w.idle:
			args = []string{"-idle", strconv.Itoa(r.idle), "-settle", r.settle.String()}
		case w.search:
			args = append(args, "-search", strconv.Itoa(r.search))
		default:
			args = append(args, "-rates", strings.Trim(strings.ReplaceAll(fmt.Sprint(w.asked(r.options)), " ", ","), "[]"))
		}
		outcomes, err := r.load(ctx, s, w, args...)
		if err != nil {
			return err
		}
		r.keep(k, w, outcomes)
		return nil
	})
}

func (r *runner) keep(k kind, w row, outcomes []outcome) {
	add := func(rate int, what string, value float64) { r.figures.Add(w.figure(rate, what), k.label, value) }
	switch last := outcomes[len(outcomes)-1]; {
	case w.idle:
		add(0, figureMemory, float64(last.After-last.Before)/1024/float64(last.Allocations))
		add(0, figureAllocate, last.perCPU(last.Allocations))
	case w.search:
		add(0, figureMaximum, outcomes[0].perSecond(outcomes[0].Delivered))
		add(0, figureHops, w.hops(k)*last.perCPU(last.Arrived))
	default:
		r.quality.look(outcomes)
		for _, o := range outcomes {
			rate := int(o.Rate)
			add(rate, figureCPU, o.perCPU(o.Arrived))
			add(rate, figureLoss, o.loss())
			add(rate, figureP50, o.P50)
			add(rate, figureP99, o.P99)
		}
	}
}
