package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callbox/peer"
	"callbox/peer/scenario"
)

// runProgram runs the program in this process until it ends.
func runProgram(t *testing.T, args ...string) ended {
	t.Helper()
	var out, errOut bytes.Buffer
	code := run(t.Context(), nil, args, noEnv, strings.NewReader(""), &out, &errOut)
	return ended{code, out.String(), errOut.String()}
}

// A scenario runs against a real server, through its relays.
func TestRunScenario(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "report.json")
	runProgram(t, "run", filepath.Join("..", "..", "peer", "testdata", "relay-only.yaml"), "--server", s.ready.HTTP, "--json", file, "--run-id", "7").
		check(t, exitOK, "ok    line", "restart_ice ann", "ann: Connected with bo", "Success: all 6 steps were taken.")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r scenario.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != scenario.Schema || r.Result != peer.Pass || len(r.Calls) != 2 || *r.RunID != "7" || *r.Calls[0].Scenario != "a relayed call restarts ICE" {
		t.Errorf("%s", text)
	}
}

func TestRunScenarioThatFails(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "call.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("scenario: x\nserver: " + s.ready.HTTP + "\npeers: {ann: {}, bo: {}}\nsteps:\n  - call: [ann, bo]\n  - expect: {ann: \"path=relay\"}\n")
	runProgram(t, "run", file).check(t, exitFailed, "FAIL  line 6: expect ann: path=relay: ann: path=relay is not met, the value is direct")
	got := runProgram(t, "run", file, "--junit", "-")
	got.check(t, exitFailed, "<failure")
	if !strings.HasPrefix(got.stdout, "<?xml") {
		t.Errorf("not only XML: %s", got.stdout)
	}
	write("scenario: x\npeers: {ann: {}}\nsteps:\n  - wiat: 3s\n")
	runProgram(t, "run", file, "--server", "x").check(t, exitUsage, file+`:4:5: "wiat": there is no such step; did you mean "wait"?`, `--server: "x"`)
	write("scenario: x\npeers: {ann: {}}\nsteps:\n  - join: ann\n")
	runProgram(t, "run", file).check(t, exitUsage, "name one with server: in the file, or with --server")
	runProgram(t, "run", filepath.Join(dir, "none.yaml")).check(t, exitUsage, "none.yaml")
}
