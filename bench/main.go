// Bench measures how long people wait, and what the server and the page cost, over
// the loopback interface of this machine: see docs/bench.md.
//
//	go run ./bench
//	go run ./bench -row browsers
//	go run ./bench signaling
//	go run ./bench turn
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"callbox/bench/compare"
	"callbox/bench/signaling"
	"callbox/bench/turn"
)

// figure is one line of the table.
type figure struct {
	name, value, target string
	missed              bool
}

// effort says how much to measure.
type effort struct {
	calls, browserCalls, tracedCalls, starts int
	joining                                  time.Duration
	pairs                                    int           // of bots
	pairsFor, pagesFor                       time.Duration // how long they are in their calls
	recoveries                               string        // a regular expression for their names
}

// row is what can be measured alone.
type row struct {
	name    string
	measure func(context.Context, *program, effort) ([]figure, error)
}

func rows() []row {
	return []row{
		{"size", binarySize},
		{"start", startUp},
		{"bots", botCalls},
		{"pairs", pairsOfBots},
		{"browsers", browserCalls},
		{"recovery", recoveries},
		{"joins", joins},
	}
}

func rowNames() (names []string) {
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // the one place that ends the program
	}
}

// command runs the benchmark that the arguments name.
func command(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0 || strings.HasPrefix(args[0], "-"):
		chosen, err := parse(args, os.Stderr)
		if err != nil {
			return err
		}
		return run(ctx, os.Stdout, chosen, effort{
			calls: 20, browserCalls: 20, tracedCalls: 10, starts: 10, joining: 3 * time.Second, recoveries: ".",
			pairs: 200, pairsFor: time.Minute, pagesFor: 10 * time.Second,
		})
	case args[0] == "signaling":
		return signaling.Main(ctx, args[1:], os.Stdout, os.Stderr)
	case args[0] == "turn":
		return turn.Main(ctx, args[1:], os.Stdout, os.Stderr)
	}
	return fmt.Errorf("unknown command %q: use signaling, turn, or no command for everything else", args[0])
}

// parse returns the names of the rows to measure.
func parse(args []string, stderr io.Writer) (chosen []string, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	chosenRows := flags.String("row", "", "comma-separated rows to measure: "+strings.Join(rowNames(), ","))
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return compare.Choose("-row", *chosenRows, rowNames())
}

// run measures the chosen rows, one after the other, and prints the table.
func run(ctx context.Context, out io.Writer, chosen []string, e effort) (err error) {
	p, err := newProgram(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, os.RemoveAll(p.dir)) }()
	lines := []figure{{name: "figure", value: "measured", target: "target"}}
	for _, r := range rows() {
		if !slices.Contains(chosen, r.name) {
			continue
		}
		figures, err := r.measure(ctx, p, e)
		if err != nil {
			return err
		}
		lines = append(lines, figures...)
	}
	return printTable(out, lines)
}

func printTable(out io.Writer, lines []figure) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, f := range lines {
		target := cmp.Or(f.target, "-")
		if f.missed {
			target += "   MISSED"
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", f.name, f.value, target); err != nil {
			return err
		}
	}
	return table.Flush()
}

// times returns the median and the 95th percentile of a series as a figure.
func times(name string, series []time.Duration, target time.Duration) figure {
	p50, p95 := percentile(series, 50), percentile(series, 95)
	return figure{
		name:   fmt.Sprintf("%s, p50 (p95) of %d", name, len(series)),
		value:  fmt.Sprintf("%d ms (%d ms)", p50.Milliseconds(), p95.Milliseconds()),
		target: fmt.Sprintf("<= %d ms", target.Milliseconds()),
		missed: p50 > target,
	}
}

// timesAndMost is times with a target for the 95th percentile, too.
func timesAndMost(name string, series []time.Duration, target, most time.Duration) figure {
	f := times(name, series, target)
	f.target = fmt.Sprintf("<= %d ms (%d ms)", target.Milliseconds(), most.Milliseconds())
	f.missed = f.missed || percentile(series, 95) > most
	return f
}

// percentile returns the smallest measurement that at least p percent do not exceed.
func percentile(series []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(series))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
