package turn

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"callbox/bench/compare"
)

// options says what is measured, and for how long.
type options struct {
	rounds        int
	warm, measure time.Duration
	rates         []int // in place of each row's own
	flows, idle   int
	settle        time.Duration
	search        int
	unpinned      bool
	sleep         bool
	tries         int
	json          string
	markdown      bool
	callbox       string
	profile       string
	servers, rows []string
}

// roundsThatCount is how many make a median worth comparing with a target.
const roundsThatCount = 6

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("bench turn", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", roundsThatCount, "rounds; in each, every server is measured once")
	flags.DurationVar(&o.warm, "warm", 2*time.Second, "load before a measurement; the first second of a process costs more than the others")
	flags.DurationVar(&o.measure, "for", 2*time.Second, "time of a measurement")
	flags.IntVar(&o.flows, "flows", 20, "pairs of clients, or clients of one hop")
	flags.IntVar(&o.idle, "idle", 2000, "allocations that do nothing")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "from the last idle allocation to the look at the memory")
	flags.IntVar(&o.search, "search", 400_000, "packets a second up to which the highest rate without loss is looked for")
	flags.BoolVar(&o.unpinned, "unpinned", false, "servers and clients share all processors")
	flags.BoolVar(&o.sleep, "sleep", false, "clients sleep between packets, and the server pays for waking them; always when unpinned")
	flags.IntVar(&o.tries, "tries", 3, "how often something is measured at most while other programs are busy")
	flags.StringVar(&o.json, "json", "", "file for every figure of every round; - = standard output, in place of the table")
	flags.BoolVar(&o.markdown, "markdown", false, "tables of medians and targets in Markdown, for docs/bench-turn.md")
	flags.StringVar(&o.callbox, "callbox", "", "a callbox to measure in place of one built from this tree")
	flags.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile of callbox in the last row measured")
	only := flags.String("only", "", "servers to measure, with commas: "+strings.Join(serverNames(), ","))
	row := flags.String("row", "", "rows to measure, with commas: "+strings.Join(rowNames(), ","))
	rate := flags.String("rate", "", "packets a second, with commas, in place of those of the rows")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	var faults [3]error
	o.servers, faults[0] = compare.Choose("-only", *only, serverNames())
	o.rows, faults[1] = compare.Choose("-row", *row, rowNames())
	o.rates, faults[2] = rates(*rate)
	return o, errors.Join(append(faults[:], o.check()...)...)
}

func rates(text string) (all []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		rate, fault := strconv.Atoi(part)
		if fault != nil || rate < 1 || rate > 10_000_000 {
			err = errors.Join(err, fmt.Errorf("-rate: %q is no rate", part))
		}
		all = append(all, rate)
	}
	return all, err
}

func (o *options) check() (faults []error) {
	for _, number := range []struct {
		flag        string
		value, most int
	}{
		{"-rounds", o.rounds, 1000},
		{"-tries", o.tries, 100},
		{"-flows", o.flows, 1000},
		{"-idle", o.idle, 15_000},
		{"-search", o.search, 10_000_000},
	} {
		if number.value < 1 || number.value > number.most {
			faults = append(faults, fmt.Errorf("%s: %d is not between 1 and %d", number.flag, number.value, number.most))
		}
	}
	return faults
}

func (o *options) measures(server string) bool { return slices.Contains(o.servers, server) }

// wants tells whether a row is measured.
func (o *options) wants(row string) bool { return slices.Contains(o.rows, row) }
