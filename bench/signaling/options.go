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

// options says what to measure, and for how long.
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

// roundsThatCount is the number of rounds from which medians are compared with targets.
const roundsThatCount = 5

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("bench signaling", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", roundsThatCount, "number of rounds; each measures every server once")
	flags.DurationVar(&o.warm, "warm", 4*time.Second, "warm-up before each measurement")
	flags.DurationVar(&o.measure, "for", 4*time.Second, "duration of each measurement")
	flags.IntVar(&o.rooms, "rooms", 200, "number of rooms, with two peers each")
	flags.IntVar(&o.steps, "steps", 6, "steps of the search for the highest rate of a server")
	flags.IntVar(&o.storm, "storm", 10_000, "number of connections that are opened at once")
	flags.IntVar(&o.idle, "idle", 19_600, "number of idle connections")
	flags.IntVar(&o.slow, "slow", 1000, "number of slow readers")
	flags.DurationVar(&o.settle, "settle", 8*time.Second, "time from the last join to the measurement of memory")
	flags.BoolVar(&o.tls, "tls", false, "measure over TLS")
	flags.StringVar(&o.json, "json", "", "write all figures of all rounds to this file; - = to standard output, instead of the table")
	flags.BoolVar(&o.markdown, "markdown", false, "print medians and targets as Markdown tables, for docs/bench-signaling.md")
	flags.StringVar(&o.callbox, "callbox", "", "callbox binary to measure, instead of one built from this tree")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of callbox to this file, of the last of these rows: relay, relay8, latency, joins")
	only := flags.String("only", "", "comma-separated servers to measure: "+strings.Join(serverNames(), ","))
	row := flags.String("row", "", "comma-separated rows to measure: "+strings.Join(rowNames(), ","))
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
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
