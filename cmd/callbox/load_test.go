package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"callbox/peer/load"
)

// Some calls against a real server.
func TestLoad(t *testing.T) {
	t.Parallel()
	s := start(t)
	cheap := []string{"load", s.ready.HTTP, "--pairs", "2", "--duration", "1200ms", "--size", "256x128", "--fps", "10", "--connect-timeout", "1m", "--ice", "host"}
	runProgram(t, append(cheap, "--audio", "none")...).check(t, exitOK, "time  started", "Success: 2 of 2 pairs were good", "frames received")
	got := runProgram(t, append(cheap, "--json", "-", "--expect", "pairs.good=3")...)
	got.check(t, exitFailed, "not every expectation was met")
	var r load.Report
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || r.Schema != load.Schema || r.Pairs.Good != 2 {
		t.Errorf("%v in %s", err, got.stdout)
	}
}

func TestLoadUsage(t *testing.T) {
	t.Parallel()
	runProgram(t, "load", "https://192.0.2.1", "--pairs", "51").check(t, exitUsage, "more than 50 pairs at a public address (192.0.2.1) need a token")
	runProgram(t, "load", "http://127.0.0.1", "--pairs", "0", "--ramp", "fast", "--duration", "0s", "--audio", "x", "--expect", "pears>1").
		check(t, exitUsage, "--pairs: 0 is not", `--ramp: "fast" is not a rate such as 10/s`, "--duration: 0s is not", `--audio: "x"`, "did you mean")
}

// A run that would run out of file descriptors does not begin.
func TestLoadNeedsDescriptors(t *testing.T) {
	t.Parallel()
	command := func(limit int, args ...string) *exec.Cmd {
		script := fmt.Sprintf(`ulimit -n %d && exec "$0" load http://127.0.0.1:9 "$@"`, limit)
		return exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, binary, "--connect-timeout", "10ms"}, args...)...)
	}
	refused := command(1000, "--pairs", "50")
	out, _ := refused.CombinedOutput()
	if code := refused.ProcessState.ExitCode(); code != exitUsage {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for _, part := range []string{"--pairs: 50 pairs need about ", " open files", "the limit is 1000", "ulimit -n "} {
		if !strings.Contains(string(out), part) {
			t.Errorf("%q is not in %s", part, out)
		}
	}
	tried := command(1000, "--pairs", "1")
	out, _ = tried.CombinedOutput()
	if code := tried.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("one pair: exit code %d\n%s", code, out)
	}
}

// The limit may be unknown, or higher than what is asked for.
func TestCheckDescriptors(t *testing.T) {
	t.Parallel()
	cfg := load.Config{Server: "http://127.0.0.1:9", Pairs: load.MaxPairs}
	_, all := cfg.Descriptors()
	for limit, want := range map[int]bool{0: true, maxDescriptors: true, all: true, all - 1: false, 1: false} {
		if err := checkDescriptors(&cfg, limit); (err == nil) != want {
			t.Errorf("a limit of %d: %v", limit, err)
		}
	}
}

func TestParseRamp(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"10/s": 10, "0.5/s": 0.5, "30/m": 0.5, "10": 0, "0/s": 0, "-1/s": 0, "NaN/s": 0, "1e9/s": 0, "1/h": 0} {
		if got, err := parseRamp(text); got != want || (err != nil) != (want == 0) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
