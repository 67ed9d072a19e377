package signaling

import (
	"strings"
	"testing"

	"callbox/e2e/need"
)

// small is a run of everything that has the name of a row in it, as small as it can be.
func small(t *testing.T, args ...string) string {
	t.Helper()
	need.Program(t, "node", "npm")
	var table, progress strings.Builder
	args = append([]string{
		"-rounds", "1", "-warm", "50ms", "-for", "500ms", "-rooms", "4",
		"-storm", "20", "-idle", "20", "-slow", "4", "-settle", "50ms",
	}, args...)
	if err := Main(t.Context(), args, &table, &progress); err != nil && !strings.Contains(err.Error(), errWrong.Error()) {
		t.Fatalf("%v\n%s", err, &progress)
	}
	return table.String()
}

func TestRelay(t *testing.T) {
	holds(t, small(t, "-row", "relay,relay8,latency"), rowRelay, rowRelay8, rowMaximum, rowP50, rowP99, rowLag)
}

func TestConnections(t *testing.T) {
	holds(t, small(t, "-row", "joins,storm,idle"), rowJoins, rowStorm, rowStormMemory, rowIdle)
}

// holds checks that there is a figure of every server in each row.
func holds(t *testing.T, table string, rows ...string) {
	t.Helper()
	for _, row := range rows {
		_, lines, ok := strings.Cut(table, row+"\n")
		if !ok {
			t.Fatalf("no row %q in\n%s", row, table)
		}
		for _, k := range kinds() {
			line, rest, _ := strings.Cut(lines, "\n")
			if fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), k.label)); len(fields) == 0 || fields[0] == "0" {
				t.Errorf("nothing of %s in %q", k.label, line)
			}
			lines = rest
		}
	}
}
