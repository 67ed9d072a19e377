package signaling

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"callbox/bench/compare"
)

// options says what is measured, and for how long.
type options struct {
	rounds        int
	warm, measure time.Duration
	rooms         int
	steps         int
	storm, idle   int
	slow          int
	settle        time.Duration
	tls           bool
	json          string
	markdown      bool
	callbox       string
	profile       string
	servers, rows []string
}

// roundsThatCount is how many make a median worth comparing with a target.
const roundsThatCount = 5

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("bench signaling", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", roundsThatCount, "rounds; in each, every server is measured once")
	flags.DurationVar(&o.warm, "warm", 4*time.Second, "load before a measurement")
	flags.DurationVar(&o.measure, "for", 4*time.Second, "time of a measurement")
	flags.IntVar(&o.rooms, "rooms", 200, "rooms of two that messages are relayed in")
	flags.IntVar(&o.steps, "steps", 6, "steps of the search for the rate that a server carries at most")
	flags.IntVar(&o.storm, "storm", 10_000, "connections that arrive at once")
	flags.IntVar(&o.idle, "idle", 19_600, "connections that do nothing")
	flags.IntVar(&o.slow, "slow", 1000, "slow readers")
	flags.DurationVar(&o.settle, "settle", 8*time.Second, "from the last join to the look at the memory")
	flags.BoolVar(&o.tls, "tls", false, "over TLS")
	flags.StringVar(&o.json, "json", "", "file for every figure of every round; - = standard output, in place of the table")
	flags.BoolVar(&o.markdown, "markdown", false, "tables of medians and targets in Markdown, for docs/bench-signaling.md")
	flags.StringVar(&o.callbox, "callbox", "", "a callbox to measure in place of one built from this tree")
	flags.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile of callbox in the last row measured: relay, relay8, latency, joins")
	only := flags.String("only", "", "servers to measure, with commas: "+strings.Join(serverNames(), ","))
	row := flags.String("row", "", "rows to measure, with commas: "+strings.Join(rowNames(), ","))
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	var faults [2]error
	o.servers, faults[0] = compare.Choose("-only", *only, serverNames())
	o.rows, faults[1] = compare.Choose("-row", *row, rowNames())
	return o, errors.Join(append(faults[:], o.check()...)...)
}

func (o *options) check() (faults []error) {
	for _, number := range []struct {
		flag        string
		value, most int
	}{
		{"-rounds", o.rounds, 1000},
		{"-rooms", o.rooms, 9000},
		{"-steps", o.steps, 20},
		{"-storm", o.storm, 19_600},
		{"-idle", o.idle, 19_600},
		{"-slow", o.slow, 5000},
	} {
		if number.value < 1 || number.value > number.most {
			faults = append(faults, fmt.Errorf("%s: %d is not between 1 and %d", number.flag, number.value, number.most))
		}
	}
	return faults
}
