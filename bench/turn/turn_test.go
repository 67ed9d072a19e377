package turn

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callbox/bench/compare"
	"callbox/bench/process"
	"callbox/e2e/need"
)

var folder string

// binary is callbox, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	p := &process.Programs{Dir: folder}
	return p.File("callbox"), p.Build(context.Background(), "callbox/cmd/callbox")
})

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "callbox-bench-test-"); err != nil {
		panic(err)
	}
	m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
}

// small runs rows with the smallest possible settings.
func small(t *testing.T, args ...string) string {
	t.Helper()
	callbox, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var table, progress strings.Builder
	args = append([]string{
		"-callbox", callbox, "-rounds", "1", "-warm", "20ms", "-for", "100ms",
		"-flows", "2", "-idle", "20", "-settle", "10ms", "-sleep", "-tries", "1",
	}, args...)
	if err := Main(t.Context(), args, &table, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	return table.String()
}

// holds checks that there is a figure of each server under a row.
func holds(t *testing.T, table, row string, servers ...string) {
	t.Helper()
	_, lines, ok := strings.Cut(table, row+"\n")
	if !ok {
		t.Fatalf("no row %q in\n%s", row, table)
	}
	for _, server := range servers {
		line, rest, _ := strings.Cut(lines, "\n")
		figure := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), server))
		if !strings.HasPrefix(line, "  "+server) || len(figure) == 0 || figure[0] == "0" {
			t.Errorf("no figure of %s for %q in %q", server, row, line)
		}
		lines = rest
	}
}

// TestRun measures all servers that are programs of this tree, once.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	table := small(t, "-only", "callbox,plain,forwarder,forwarder-offload", "-row", "pairs,coalesced,down,tls,indications", "-rate", "400", "-json", file)
	for _, w := range rows() {
		switch w.name {
		case "pairs", "coalesced", "down":
			holds(t, table, w.figure(400, figureCPU), labelCallbox, labelPlain, labelForwarder, labelOffload)
			holds(t, table, w.figure(400, figureP50), labelCallbox, labelPlain, labelForwarder, labelOffload)
		case "tls", "indications":
			holds(t, table, w.figure(400, figureCPU), labelCallbox, labelPlain)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("the file of figures: %v, %v", info, err)
	}
}

func TestCoturn(t *testing.T) {
	need.Program(t, "turnserver")
	table := small(t, "-only", "coturn,coturn2", "-row", "pairs,tcp,tls,idle", "-rate", "400")
	for _, w := range rows() {
		switch w.name {
		case "pairs", "tcp", "tls":
			holds(t, table, w.figure(400, figureCPU), labelCoturn, labelCoturn2)
		case "idle":
			holds(t, table, w.figure(0, figureMemory), labelCoturn, labelCoturn2)
			holds(t, table, w.figure(0, figureAllocate), labelCoturn, labelCoturn2)
		}
	}
}

func TestSaturation(t *testing.T) {
	table := small(t, "-only", "plain,forwarder", "-row", "saturation-coalesced", "-search", "2000")
	for _, w := range rows() {
		if w.name == "saturation-coalesced" {
			holds(t, table, w.figure(0, figureMaximum), labelPlain, labelForwarder)
			holds(t, table, w.figure(0, figureHops), labelPlain, labelForwarder)
		}
	}
}

func TestAbsent(t *testing.T) {
	t.Setenv("COTURN", "")
	table := small(t, "-only", "plain,current", "-row", "pairs", "-rate", "400")
	if !strings.Contains(table, "Absent: "+labelCurrent) {
		t.Errorf("there is no note that the current coturn is missing:\n%s", table)
	}
}

func TestProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpu")
	small(t, "-only", "callbox", "-row", "pairs", "-rate", "400", "-cpuprofile", file)
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("the profile: %v, %v", info, err)
	}
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{
		{"-row", "nothing"}, {"-only", "apache"}, {"-rounds", "0"}, {"-idle", "20000"}, {"-rate", "x"}, {"-rate", "0"}, {"more"}, {"-nothing"},
	} {
		if _, err := parse(args, new(strings.Builder)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	o, err := parse([]string{"-row", "idle,pairs", "-only", "plain,callbox", "-rate", "5,7"}, new(strings.Builder))
	if err != nil || strings.Join(o.rows, " ") != "pairs idle" || strings.Join(o.servers, " ") != "callbox plain" || len(o.rates) != 2 {
		t.Errorf("rows %q of %q at %v, %v", o.rows, o.servers, o.rates, err)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{7: "7", 999: "999", 1000: "1,000", 20_000: "20,000", 1_234_567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is formatted as %s", n, got)
		}
	}
}

// TestKeep checks which figures are made of the output of the load generator.
func TestKeep(t *testing.T) {
	o, err := parse([]string{"-rate", "1000"}, new(strings.Builder))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{options: o, figures: compare.NewFigures()}
	of := make(map[string]row)
	for _, w := range rows() {
		of[w.name] = w
	}
	saturation := of["saturation"]
	callbox, without := kinds()[0], kinds()[1]
	r.keep(callbox, of["pairs"], []outcome{{Rate: 1000, Sent: 1000, Arrived: 960, Delivered: 990, CPU: 0.5, Seconds: 1, P50: 3, P99: 9}})
	r.keep(callbox, of["idle"], []outcome{{Allocations: 10, Before: 1 << 20, After: 1<<20 + 20<<10, CPU: 0.1}})
	over := []outcome{{Delivered: 500, Seconds: 1}, {Arrived: 900, CPU: 0.5}}
	r.keep(callbox, of["saturation"], over)
	r.keep(without, of["saturation"], over)
	for row, want := range map[string]float64{
		"pairs, 1,000 bytes, evenly paced, 1,000/s: delivered packets per CPU second":        1920,
		"pairs, 1,000 bytes, evenly paced, 1,000/s: lost, %":                                 1,
		"pairs, 1,000 bytes, evenly paced, 1,000/s: latency p50, µs":                         3,
		"pairs, 1,000 bytes, evenly paced, 1,000/s: latency p99, µs":                         9,
		"idle allocations: resident memory of each, KiB":                                     2,
		"idle allocations: allocations per CPU second":                                       100,
		"saturation, pairs, bursts of 4: highest rate with < 0.1 % loss, packets/s":          500,
		"saturation, pairs, bursts of 4: hops through the kernel per CPU second, overloaded": 1800,
	} {
		if got, ok := r.figures.Get(row, labelCallbox); !ok || got != want {
			t.Errorf("%s is %v, %v; want %v", row, got, ok, want)
		}
	}
	if got, _ := r.figures.Get(saturation.figure(0, figureHops), labelWithout); got != 3600 {
		t.Errorf("with two hops, the figure is %v", got)
	}
}

// TestTargets checks that there can be a verdict on every target of a row.
func TestTargets(t *testing.T) {
	figures := compare.NewFigures()
	for _, target := range targets() {
		for _, server := range serverLabels() {
			figures.Add(target.Row, server, 1)
		}
	}
	verdicts := figures.Judge(targets())
	if len(verdicts) != len(targets()) || len(verdicts) < 40 {
		t.Errorf("for %d targets there are %d verdicts", len(targets()), len(verdicts))
	}
}

func serverLabels() (labels []string) {
	for _, k := range kinds() {
		labels = append(labels, k.label)
	}
	return labels
}
