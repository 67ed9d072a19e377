package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"callbox/internal/safefile"
	"callbox/peer"
)

// resultFlags are the flags of callbox peer about its result.
type resultFlags struct {
	Expect []string       `sep:"none" placeholder:"LIST" help:"Expectations, separated by commas; if one is not met, the exit code is 1: path=direct|relay, connect (time), frames, intact and loss (percent), rtt.p95 (time), mos, and every other value of the report by its path in JSON. Example: path=relay,connect<3s,intact=100%,video.recv.jitter_ms.p95<30ms. Repeatable."`
	JSON   string         `name:"json" placeholder:"FILE" help:"Write the report as JSON to FILE, or to standard output if FILE is -; then nothing else is written there."`
	JUnit  string         `name:"junit" placeholder:"FILE" help:"Write the result as JUnit XML to FILE, or to standard output if FILE is -: a test case for the call and one for each expectation."`
	RunID  string         `name:"run-id" placeholder:"TEXT" help:"Text that stands in the report as run_id, to tell calls apart."`
	Schema callSchemaFlag `help:"Print the JSON Schema of the report and exit."`
}

// callSchemaFlag prints the schema of the report, without a call.
type callSchemaFlag bool

// BeforeReset implements kong's hook, which runs before arguments are checked.
func (callSchemaFlag) BeforeReset(app *kong.Kong) error { return printSchema(app, peer.JSONSchema()) }

// printSchema prints a schema instead of what the command does.
func printSchema(app *kong.Kong, schema []byte) error {
	_, err := app.Stdout.Write(schema)
	app.Exit(exitOK)
	return err
}

// expectations evaluates --expect.
func (f *resultFlags) expectations(wrong *faults) []peer.Expectation {
	all, err := peer.ParseExpectations(strings.Join(f.Expect, ","))
	wrong.add("--expect", err)
	if f.JSON == "-" && f.JUnit == "-" {
		wrong.addf("--junit", "standard output is for --json already")
	}
	return all
}

// toStdout reports whether a result goes to standard output, where nothing else may go then.
func (f *resultFlags) toStdout() bool { return f.JSON == "-" || f.JUnit == "-" }

// resultFiles are where the report goes.
type resultFiles struct{ json, junit io.WriteCloser }

// open opens the files, so that an error is reported before the call and not after it.
func (f *resultFlags) open(stdout io.Writer) (*resultFiles, error) {
	json, err := openResult(f.JSON, stdout)
	if err != nil {
		return nil, fmt.Errorf("--json: %w", err)
	}
	junit, err := openResult(f.JUnit, stdout)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--junit: %w", err), json.Close())
	}
	return &resultFiles{json, junit}, nil
}

func openResult(name string, stdout io.Writer) (io.WriteCloser, error) {
	switch name {
	case "":
		return nopCloser{io.Discard}, nil
	case "-":
		return nopCloser{stdout}, nil
	default:
		return safefile.Output(name)
	}
}

// write writes the report to the files and closes them.
func (f *resultFiles) write(report *peer.Report) error {
	return errors.Join(
		writeResult("--json", f.json, report.MarshalIndent),
		writeResult("--junit", f.junit, report.JUnit),
	)
}

func (f *resultFiles) close() error { return errors.Join(f.json.Close(), f.junit.Close()) }

func writeResult(flag string, out io.WriteCloser, encode func() ([]byte, error)) error {
	text, err := encode()
	if err == nil {
		_, err = out.Write(text)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// nopCloser is a writer whose Close does nothing.
type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }
