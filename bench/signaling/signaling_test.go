package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callbox/bench/compare"
	"callbox/bench/process"
	"callbox/e2e/need"
)

// callbox is the binary, built once for all tests.
var callbox = sync.OnceValues(func() (string, error) {
	p := &process.Programs{Dir: folder}
	return p.File("callbox"), p.Build(context.Background(), "callbox/cmd/callbox")
})

var folder string

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
	need.Program(t, "node", "npm")
	binary, err := callbox()
	if err != nil {
		t.Fatal(err)
	}
	var table, progress strings.Builder
	args = append([]string{
		"-callbox", binary,
		"-rounds", "1", "-warm", "50ms", "-for", "300ms", "-rooms", "4", "-steps", "1",
		"-storm", "20", "-idle", "20", "-slow", "4", "-settle", "50ms",
	}, args...)
	if err := Main(t.Context(), args, &table, &progress); err != nil && !errors.Is(err, errWrong) {
		t.Fatalf("%v\n%s", err, &progress)
	}
	return table.String()
}

// holds checks that there is a figure of each server in each row.
func holds(t *testing.T, table string, servers []string, rows ...string) {
	t.Helper()
	for _, row := range rows {
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
}

func TestRelay(t *testing.T) {
	holds(t, small(t, "-row", "relay,relay8,latency"), labels(),
		rowRelay, rowRelay8, rowMaximum, rowShare, rowSingle, rowP50, rowP99, rowLag,
		rowClosedP50, rowClosedP99, rowClosedLag, rowSameP50, rowSameP99, rowSameLag)
}

func TestConnections(t *testing.T) {
	table := small(t, "-row", "joins,storm,idle")
	holds(t, table, labels(), rowJoins, rowStorm, rowStormMemory)
	holds(t, table, nil, rowIdle) // so few connections may need no more memory
}

func TestStrain(t *testing.T) {
	table := small(t, "-only", "callbox", "-row", "slow,limits")
	holds(t, table, []string{"callbox"}, rowReading, rowSlow, rowSlowMemory, rowSlowRefused)
	for _, flood := range floods() {
		for _, row := range []string{rowFloodServed, rowFloodP99, rowFloodMemory, rowFloodRefused} {
			holds(t, table, []string{"callbox"}, strings.ReplaceAll(strings.Replace(row, "%s", flood, 1), "%%", "%"))
		}
	}
}

func TestTLS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	table := small(t, "-tls", "-only", "callbox,ws,floor", "-row", "relay,joins,storm", "-json", file)
	holds(t, table, []string{"callbox", "ws"}, rowRelay, rowJoins, rowStorm)
	if strings.Contains(table, "target") {
		t.Errorf("figures over TLS have no targets:\n%s", table)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		TLS     bool
		Figures []compare.Series
	}
	if err := json.Unmarshal(text, &report); err != nil || !report.TLS || len(report.Figures) == 0 || len(report.Figures[0].Rounds) != 1 {
		t.Errorf("the file contains %+v, %v", report, err)
	}
}

func TestProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpu")
	small(t, "-only", "callbox", "-row", "relay", "-cpuprofile", file)
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("the profile: %v, %v", info, err)
	}
}

func labels() (labels []string) {
	for _, k := range kinds() {
		labels = append(labels, k.label)
	}
	return labels
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{
		{"-row", "nothing"}, {"-only", "apache"}, {"-rounds", "0"}, {"-idle", "20000"}, {"more"}, {"-nothing"},
	} {
		if _, err := parse(args, new(strings.Builder)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	o, err := parse([]string{"-row", "idle,relay", "-only", "ws,callbox"}, new(strings.Builder))
	if err != nil || strings.Join(o.rows, " ") != "relay idle" || strings.Join(o.servers, " ") != "callbox ws" {
		t.Errorf("rows %q of %q, %v", o.rows, o.servers, err)
	}
}

func TestBisect(t *testing.T) {
	for most, want := range map[float64][2]float64{
		500: {480, 500}, 127: {120, 127}, 2000: {960, 1000}, 1: {125, 125},
	} {
		asked := 0
		got, err := bisect(125, 1000, 6, func(rate float64) (bool, error) {
			asked++
			return rate <= most, nil
		})
		if err != nil || got < want[0] || got > want[1] || asked != 6 {
			t.Errorf("for the maximum %v it found %v in %d steps, %v", most, got, asked, err)
		}
	}
	if _, err := bisect(1, 2, 3, func(float64) (bool, error) { return true, errWrong }); !errors.Is(err, errWrong) {
		t.Errorf("an error of the load is returned as %v", err)
	}
}

// figured returns figures with one median for each server in a row.
func figured(row string, medians map[string]float64) figures {
	f := newFigures()
	for _, k := range kinds() {
		if v, ok := medians[k.label]; ok {
			for _, each := range []float64{v / 2, v * 3, v} {
				f.add(row, k, each)
			}
		}
	}
	return f
}

func TestJudge(t *testing.T) {
	f := figured(rowRelay, map[string]float64{"callbox": 60, "socket.io": 20, "ws": 29, "floor": 80})
	verdicts, err := f.judge(false)
	if err != nil || len(verdicts) != 2 || !verdicts[0].Reached || verdicts[0].Measured != 3 || verdicts[1].Reached {
		t.Errorf("the verdicts are %+v, %v", verdicts, err)
	}
	verdicts, err = figured(rowStorm, map[string]float64{"callbox": 1.2}).judge(false)
	if err != nil || len(verdicts) != 1 || verdicts[0].Reached {
		t.Errorf("the verdicts on 1.2 s with a limit of 1.1 s are %+v, %v", verdicts, err)
	}
	for ratio, sane := range map[float64]bool{0.5: false, 0.6: true, 0.69: true, 0.78: true, 0.81: false} {
		_, err := figured(rowRelay, map[string]float64{"socket.io": ratio, "ws": 1}).judge(false)
		if sane != (err == nil) || !sane && !errors.Is(err, errWrong) {
			t.Errorf("the error for a ratio of socket.io to ws of %v is %v", ratio, err)
		}
	}
	if verdicts, err := figured(rowRelay, map[string]float64{"socket.io": 1, "ws": 1, "callbox": 1}).judge(true); len(verdicts) > 0 || err != nil {
		t.Errorf("the verdicts over TLS are %+v, %v", verdicts, err)
	}
}

func TestMarkdown(t *testing.T) {
	o, err := parse([]string{"-rounds", "3", "-only", "callbox,ws"}, new(strings.Builder))
	if err != nil {
		t.Fatal(err)
	}
	f := figured(rowStorm, map[string]float64{"callbox": 1.25, "ws": 4})
	f.add(rowResumed, kinds()[0], 10_000)
	verdicts, _ := f.judge(false)
	var text strings.Builder
	if err := (&runner{options: o, figures: f}).writeMarkdown(&text, verdicts); err != nil {
		t.Fatal(err)
	}
	want := `| median of 3 | callbox | ws |
| --- | --- | --- |
| all joined that arrived at once, s | 1.25 | 4.00 |
| of them under the peer id from before | 10000 | – |

| target |  | measured |  |
| --- | --- | --- | --- |
| all joined that arrived at once, s | <= 1.10 | 1.25 | MISSED |
`
	if text.String() != want {
		t.Errorf("the text is\n%s", &text)
	}
}
