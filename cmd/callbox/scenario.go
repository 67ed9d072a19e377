package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/alecthomas/kong"

	"callbox/peer"
	"callbox/peer/scenario"
)

// scenarioCommand holds the arguments and flags of callbox run as given.
type scenarioCommand struct {
	File string `arg:"" name:"scenario" help:"File with the scenario, in YAML."`

	Server   string `placeholder:"URL" help:"Address of the server, such as https://example.org, in place of that in the scenario."`
	Token    string `placeholder:"TOKEN" help:"Token for peers whose entry in the scenario has none, or @FILE. It must be for any room."`
	Insecure bool   `help:"Accept any certificate, both from the server and from its TURN over TLS."`

	JSON   string             `name:"json" placeholder:"FILE" help:"Write the report as JSON to FILE, or to standard output if FILE is -; then nothing else is written there."`
	JUnit  string             `name:"junit" placeholder:"FILE" help:"Write the result as JUnit XML to FILE, or to standard output if FILE is -: a test case for each step, each call and each expectation of a peer."`
	RunID  string             `name:"run-id" placeholder:"TEXT" help:"Text that stands in the reports as run_id."`
	Schema scenarioSchemaFlag `help:"Print the JSON Schema of the report and exit."`
}

// scenarioSchemaFlag prints the schema of the report, without a call.
type scenarioSchemaFlag bool

// BeforeReset implements kong's hook, which runs before arguments are checked.
func (scenarioSchemaFlag) BeforeReset(app *kong.Kong) error {
	return printSchema(app, scenario.JSONSchema())
}

// Help implements kong.HelpProvider.
func (*scenarioCommand) Help() string {
	return "A scenario says which peers there are and what they do, step by step: join, call, wait, cut, restart_ice, mute, unmute, network, chat, hang_up and expect. " +
		"docs/peer.md describes it. Exit codes: 0 every step was taken and every call ended as it should, 1 a step or an expectation failed, 2 usage error or a fault in the scenario, " +
		"3 to 6 a call failed (as those of callbox peer), 130 interrupted."
}

// Run runs the scenario and prints what happens.
func (c *scenarioCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	s, options, err := c.read()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	results := resultFlags{JSON: c.JSON, JUnit: c.JUnit}
	out, err := results.open(std.stdout)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	printer := &scenarioPrinter{w: std.stdout}
	if results.toStdout() {
		printer.w = io.Discard
	}
	options.Logger, options.Observe, options.Step = log, printer.event, printer.step
	report, err := s.Run(ctx, options)
	if err != nil {
		return errors.Join(&exitError{exitUsage, fmt.Errorf("%s: %w; name one with server: in the file, or with --server", c.File, err)}, out.close())
	}
	printer.result(report)
	err = errors.Join(writeResult("--json", out.json, report.MarshalIndent), writeResult("--junit", out.junit, report.JUnit))
	if err != nil || report.ExitCode == peer.Good {
		return err
	}
	ended := &exitError{code: int(report.ExitCode)}
	if results.toStdout() { // the reason has not been printed
		ended.err = errors.New(report.Reason)
	}
	return ended
}

// read evaluates the flags and reads the scenario; the error joins all faults.
func (c *scenarioCommand) read() (*scenario.Scenario, scenario.Options, error) {
	var wrong faults
	options := scenario.Options{Server: c.Server, RunID: c.RunID, Version: programVersion()}
	if u, err := url.Parse(c.Server); c.Server != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		wrong.addf("--server", "%q: write the address as http://HOST[:PORT] or https://HOST[:PORT]", c.Server)
	}
	if c.JSON == "-" && c.JUnit == "-" {
		wrong.addf("--junit", "standard output is for --json already")
	}
	var err error
	options.Token, err = readToken(c.Token)
	wrong.add("--token", err)
	if c.Insecure {
		options.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what the flag says
	}
	text, err := readScenario(c.File)
	if err != nil {
		wrong = append(wrong, err)
		return nil, options, wrong.err()
	}
	s, err := scenario.Parse(c.File, text)
	if err != nil {
		wrong = append(wrong, err)
	}
	return s, options, wrong.err()
}

// readScenario reads a file, but not more than a scenario may have.
func readScenario(name string) ([]byte, error) {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, scenario.MaxBytes+1))
	return text, errors.Join(err, file.Close())
}

// scenarioPrinter prints what happens in a scenario. Events come from the goroutines of the
// calls.
type scenarioPrinter struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *scenarioPrinter) event(name string, e peer.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	call := callPrinter{w: p.w, prefix: "  " + name + ": ", room: "of the scenario"}
	call.event(e)
}

func (p *scenarioPrinter) step(s scenario.StepResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Error != nil {
		_, _ = fmt.Fprintf(p.w, "FAIL  line %d: %s: %s\n", s.Line, s.Step, *s.Error)
		return
	}
	_, _ = fmt.Fprintf(p.w, "ok    line %d: %s (%.2f s)\n", s.Line, s.Step, float64(*s.TookMS)/1000)
}

// result prints how each call ended, and the result of all.
func (p *scenarioPrinter) result(r *scenario.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.w)
	for _, call := range r.Calls {
		name := ""
		if call.Peer.Name != nil {
			name = *call.Peer.Name
		}
		_, _ = fmt.Fprintf(p.w, "  %-8s  exit code %d: %s\n", name, call.ExitCode, call.Reason)
		for _, e := range call.Expect {
			_, _ = fmt.Fprintf(p.w, "            expected %s\n", expectWords(e))
		}
	}
	if r.ExitCode == peer.Good {
		_, _ = fmt.Fprintf(p.w, "Success: %s.\n", r.Reason)
	} else {
		_, _ = fmt.Fprintf(p.w, "Failure (exit code %d): %s.\n", r.ExitCode, r.Reason)
	}
}
