package main

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"callbox/e2e/need"
)

func TestPercentile(t *testing.T) {
	series := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[int]time.Duration{0: 1, 20: 1, 50: 3, 80: 4, 95: 5, 100: 5} {
		if got := percentile(series, p); got != want {
			t.Errorf("percentile %d of 1 to 5 is %d, want %d", p, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	series := []time.Duration{10 * time.Millisecond, 30 * time.Millisecond, 20 * time.Millisecond}
	if f := times("x", series, 15*time.Millisecond); !f.missed || f.value != "20 ms (30 ms)" || f.target != "<= 15 ms" {
		t.Errorf("20 ms against 15 ms gives %+v", f)
	}
	if f := times("x", series, 20*time.Millisecond); f.missed {
		t.Errorf("20 ms against 20 ms gives %+v", f)
	}
}

func TestRecoveryFigures(t *testing.T) {
	figures, err := recoveryFigures([]byte(`{"name": "x", "unit": "ms", "measured": 20, "limit": 20}
{"name": "y", "unit": "packets", "measured": 1, "limit": 0}
`))
	want := []figure{
		{name: "x", value: "20 ms", target: "<= 20 ms"},
		{name: "y", value: "1 packets", target: "<= 0 packets", missed: true},
	}
	if err != nil || !slices.Equal(figures, want) {
		t.Errorf("%+v, %v", figures, err)
	}
	if _, err := recoveryFigures([]byte(`{"name": "x"`)); err == nil {
		t.Error("half a line is no error")
	}
}

func TestParse(t *testing.T) {
	for args, want := range map[string][]string{
		"":                    rowNames(),
		"-row browsers":       {"browsers"},
		"-row joins,browsers": {"browsers", "joins"},
		"-row joined":         nil,
		"-row joins more":     nil,
	} {
		chosen, err := parse(strings.Fields(args), io.Discard)
		if (err == nil) != (want != nil) || !slices.Equal(chosen, want) {
			t.Errorf("bench %s measures %q, %v, want %q", args, chosen, err, want)
		}
	}
}

// TestRun measures everything once and checks the table.
func TestRun(t *testing.T) {
	need.Program(t, "chromium")
	var out strings.Builder
	if err := run(t.Context(), &out, rowNames(), effort{
		calls: 1, browserCalls: 1, tracedCalls: 1, starts: 1, joining: 100 * time.Millisecond, recoveries: "tab-closed",
		pairs: 5, pairsFor: 3 * time.Second, pagesFor: time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	table := out.String()
	for _, line := range []string{
		`binary +[1-9]\d*\.\d MB`,
		`start to ready.* +[1-9]\d* ms \(\d+ ms\) +<= 300 ms`,
		`bot-bot.* +[1-9]\d* ms \(\d+ ms\) +<= 150 ms`,
		`5 pairs of bots, 3s: pairs lost +0 +<= 0`,
		`a processor's share for a pair +\d+\.\d\d % +<= 0\.60 %`,
		`memory of a pair +\d+\.\d MB +<= 1\.9 MB`,
		`CPU time to start a pair +\d+ ms +<= 15 ms`,
		`two pages of Chromium in a call: memory +[1-9]\d\d+ MB \(\d+ times a pair of bots\) +>= 50 times`,
		`browser-browser.* +[1-9]\d* ms \(\d+ ms\) +<= 400 ms \(700 ms\)`,
		`without a pointer.* +[1-9]\d* ms \(\d+ ms\) +<= 400 ms \(700 ms\)`,
		`longest task.* +[1-9]\d* ms \(\d+ ms\) +<= 50 ms`,
		`page weight.* +[1-9]\d*\.\d KB +<= 150 KB`,
		`tab closed.* +[1-9]\d* ms +<= 1000 ms`,
		`joins, .* new WebSocket +[1-9]\d*/s`,
		`joins, .* open WebSockets +[1-9]\d*/s`,
	} {
		if !regexp.MustCompile(line).MatchString(table) {
			t.Errorf("the table lacks %s:\n%s", line, table)
		}
	}
}
