package scenario_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbox/internal/schematest"
	"callbox/peer"
	"callbox/peer/ivf"
	"callbox/peer/pattern"
	"callbox/peer/peertest"
	"callbox/peer/scenario"
)

// examples are the scenarios in peer/testdata.
func examples(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("../testdata/*.yaml")
	if err != nil || len(files) < 5 {
		tb.Fatalf("%d scenarios: %v", len(files), err)
	}
	return files
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// TestExamples runs all scenarios of peer/testdata.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			options := scenario.Options{RunID: "42", Change: smaller(t)}
			if strings.Contains(file, "relay") {
				site := peertest.NAT(t, peertest.Symmetric, peertest.Symmetric)
				ann, bo := site.Configs(t)
				options.Server = site.URL
				options.Change = func(name string, cfg *peer.Config) {
					smaller(t)(name, cfg)
					from := map[string]peer.Config{"ann": ann, "bo": bo}[name]
					cfg.Net, cfg.SettingEngine = from.Net, from.SettingEngine
				}
			} else {
				options.Server = peertest.Server(t).URL
			}
			s, err := scenario.Parse(file, read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			report, err := s.Run(t.Context(), options)
			if err != nil || report.ExitCode != peer.Good {
				t.Fatalf("%v, %s", err, indented(t, report))
			}
			schematest.Check(t, scenario.JSONSchema(), report)
			for _, step := range report.Steps {
				if step.OK == nil || !*step.OK || step.TookMS == nil || step.Error != nil {
					t.Errorf("%+v", step)
				}
			}
			if len(report.Calls) < 2 {
				t.Errorf("%d calls", len(report.Calls))
			}
			for _, call := range report.Calls {
				if call.Scenario == nil || *call.Scenario != s.Name || call.RunID == nil || *call.RunID != "42" {
					t.Errorf("the report of %v does not name the scenario", *call.Peer.Name)
				}
			}
		})
	}
}

// smaller makes calls that cost less, and are patient, because many of them run at once.
func smaller(t *testing.T) func(string, *peer.Config) {
	t.Helper()
	return func(_ string, cfg *peer.Config) {
		if cfg.Video != nil {
			var err error
			if cfg.Video, err = peer.Pattern(pattern.Size{Width: 256, Height: 128}, 8); err != nil {
				t.Error(err)
			}
		}
		if cfg.Audio != nil {
			cfg.Audio = peer.Tone(peer.PCMU)
		}
		if cfg.ConnectTimeout == 0 {
			cfg.ConnectTimeout = time.Minute
		}
	}
}

func indented(t *testing.T, r *scenario.Report) string {
	t.Helper()
	text, err := r.MarshalIndent()
	if err != nil || !json.Valid(text) {
		t.Fatalf("%v: %s", err, text)
	}
	return string(text)
}

// run runs a scenario that Parse accepts.
func run(t *testing.T, text string) *scenario.Report {
	t.Helper()
	s, err := scenario.Parse("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Run(t.Context(), scenario.Options{Server: peertest.Server(t).URL, Change: smaller(t)})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// What fails is named with its place, ends the scenario, and decides its exit code.
func TestFailingScenarios(t *testing.T) {
	t.Parallel()
	const pair = "scenario: x\npeers: {ann: {}, bo: {}}\nsteps:\n  - call: [ann, bo]\n"
	for _, tc := range []struct {
		name, text string
		code       peer.ExitCode
		reason     string
	}{
		{"expectation of a step", pair + "  - expect: {ann: \"path=relay\"}\n  - wait: 1h\n", 1, `a.yaml:5: expect ann: path=relay: ann: path=relay is not met, the value is direct`},
		{"expectation of a peer", "scenario: x\npeers: {ann: {expect: [\"path=relay\"]}, bo: {}}\nsteps:\n  - call: [ann, bo]\n  - wait: {peer: ann, frames: 1}\n", 1, "ann: path=relay is not met, the value is direct"},
		{"callee restarts", pair + "  - restart_ice: bo\n", 1, "a.yaml:5: restart_ice bo: bo: only the peer that makes the offers"},
		{"event does not come", pair + "  - wait: {peer: bo, event: rebuild, within: 10ms}\n", 1, "bo: no event rebuild within 10ms"},
		{"call ends", "scenario: x\npeers: {ann: {ice: relay, turn_proto: tls}}\nsteps:\n  - join: ann\n  - wait: {peer: ann, event: connected}\n", 4, "a.yaml:5: wait peer: ann, event: connected: ann: the call has ended: a relayed path is required"},
		{"a call is better than expected", "scenario: x\npeers: {ann: {exit_code: 4}, bo: {}}\nsteps:\n  - call: [ann, bo]\n  - wait: {peer: ann, frames: 1}\n", 1, "ann: the call was good"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			report := run(t, tc.text)
			schematest.Check(t, scenario.JSONSchema(), report)
			if report.ExitCode != tc.code || !strings.Contains(report.Reason, tc.reason) {
				t.Errorf("exit code %d, %s", report.ExitCode, report.Reason)
			}
			xml, err := report.JUnit()
			if err != nil || !strings.Contains(string(xml), "<failure") && !strings.Contains(string(xml), "<error") && tc.code != 1 {
				t.Errorf("%v: %s", err, xml)
			}
		})
	}
}

// When the program is stopped, so are the calls.
func TestInterruptedScenario(t *testing.T) {
	t.Parallel()
	server := peertest.Server(t).URL
	ctx, cancel := context.WithCancel(t.Context())
	s, err := scenario.Parse("a.yaml", []byte("scenario: x\npeers: {ann: {}, bo: {}}\nsteps:\n  - call: [ann, bo]\n  - wait: 1h\n"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Run(ctx, scenario.Options{
		Server: server, Change: smaller(t),
		Step: func(scenario.StepResult) { cancel() },
	})
	if err != nil || report.ExitCode != peer.Interrupted || len(report.Calls) != 2 {
		t.Fatalf("%v, %s", err, indented(t, report))
	}
	schematest.Check(t, scenario.JSONSchema(), report)
}

func TestScenarioWithoutServer(t *testing.T) {
	t.Parallel()
	s, err := scenario.Parse("a.yaml", read(t, "../testdata/direct-call.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), scenario.Options{}); err != scenario.ErrNoServer { //nolint:errorlint // it must be this one
		t.Errorf("%v", err)
	}
}

// TestFileAndEcho has Ann send a file, whose name is relative to that of the scenario, and Bo
// send it back.
func TestFileAndEcho(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeIVF(t, filepath.Join(dir, "ann.ivf"))
	s, err := scenario.Parse(filepath.Join(dir, "a.yaml"), []byte(`scenario: echo
peers:
  ann: {video: ann.ivf, audio: none}
  bo: {echo: true}
steps:
  - call: [ann, bo]
  - wait: {peer: ann, frames: 20}
  - hang_up: ann
`))
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Run(t.Context(), scenario.Options{Server: peertest.Server(t).URL})
	if err != nil || report.ExitCode != peer.Good {
		t.Errorf("%v, %s", err, indented(t, report))
	}
}

// writeIVF writes a second of the test picture to a file.
func writeIVF(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	size := pattern.Size{Width: 256, Height: 128}
	w, err := ivf.NewWriter(file, ivf.Header{Codec: ivf.VP8, Width: size.Width, Height: size.Height})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(20) {
		if err := w.Write(ivf.Frame{Time: time.Duration(i) * 50 * time.Millisecond, Data: pattern.AppendFrame(nil, size, pattern.Stamp{Number: i})}); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
