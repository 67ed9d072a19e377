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

// options says what to measure, and for how long.
type options struct {
	rounds        int
	warm, measure time.Duration
	rates         []int // instead of those of the rows
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

// roundsThatCount is the number of rounds from which medians are compared with targets.
const roundsThatCount = 6

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("bench turn", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", roundsThatCount, "number of rounds; each measures every server once")
	flags.DurationVar(&o.warm, "warm", 2*time.Second, "warm-up before each measurement; the first second of a process costs more than later ones")
	flags.DurationVar(&o.measure, "for", 2*time.Second, "duration of each measurement")
	flags.IntVar(&o.flows, "flows", 20, "number of pairs of clients, or of clients in rows with one hop")
	flags.IntVar(&o.idle, "idle", 2000, "number of idle allocations")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "time from the last idle allocation to the measurement of memory")
	flags.IntVar(&o.search, "search", 400_000, "upper bound of the search for the highest rate without loss, in packets per second")
	flags.BoolVar(&o.unpinned, "unpinned", false, "let servers and clients share all processors")
	flags.BoolVar(&o.sleep, "sleep", false, "let clients sleep between packets, so that the server pays for waking them; always with -unpinned")
	flags.IntVar(&o.tries, "tries", 3, "how often to repeat a measurement while other programs are busy, at most")
	flags.StringVar(&o.json, "json", "", "write all figures of all rounds to this file; - = to standard output, instead of the table")
	flags.BoolVar(&o.markdown, "markdown", false, "print medians and targets as Markdown tables, for docs/bench-turn.md")
	flags.StringVar(&o.callbox, "callbox", "", "callbox binary to measure, instead of one built from this tree")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of callbox in the last row to this file")
	only := flags.String("only", "", "comma-separated servers to measure: "+strings.Join(serverNames(), ","))
	row := flags.String("row", "", "comma-separated rows to measure: "+strings.Join(rowNames(), ","))
	rate := flags.String("rate", "", "comma-separated rates in packets per second, instead of those of the rows")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
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
			err = errors.Join(err, fmt.Errorf("-rate: %q is not a rate", part))
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

// wants reports whether to measure a row.
func (o *options) wants(row string) bool { return slices.Contains(o.rows, row) }
