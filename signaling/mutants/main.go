// Command mutants plants defects in the signaling server, one at a time, and
// reports whether the tests catch each of them: the fault test in signaling, the
// conformance suite, and the tests of how sockets are read. It changes no file
// (go test -overlay). Run it in the module, or with "make mutants". It exits with
// 1 when a defect is not caught.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:forbidigo // the one place that ends the program
	}
}

// verdict is the result of one suite for a mutant.
type verdict string

const (
	caught     verdict = "caught"
	notCaught  verdict = "NOT CAUGHT"
	noCompile  verdict = "does not compile"
	noText     verdict = "text not there once"
	allAllowed         = "^"
)

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("only", allAllowed, "regular expression of the names to run")
	suite := flags.String("suite", "", "run this suite only: fault, conformance or sockets")
	verbose := flags.Bool("v", false, "show the output of the tests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	name, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	t := trial{root: root, out: out, verbose: *verbose}
	wanted := suites(*suite)
	// A suite that fails without a defect would catch every defect.
	for _, s := range wanted {
		v, err := t.run(ctx, s, "")
		if err != nil {
			return fmt.Errorf("the suite %s: %w", s, err)
		}
		if v != notCaught {
			return fmt.Errorf("the suite %s fails without a defect: %s", s, v)
		}
	}
	missed, ran := 0, 0
	for _, m := range mutants() {
		if !name.MatchString(m.name) {
			continue
		}
		for _, s := range wanted {
			if !slices.Contains(m.caught, s) {
				continue
			}
			began := time.Now()
			v, err := t.plant(ctx, m, s)
			if err != nil {
				return err
			}
			ran++
			if v != caught {
				missed++
			}
			t.say("%-20s %-12s %-20s %4.0f s  %s", v, s, m.name, time.Since(began).Seconds(), m.why)
		}
	}
	if missed > 0 || ran == 0 {
		return fmt.Errorf("%d of %d planted defects were not caught", missed, ran)
	}
	t.say("all %d planted defects were caught", ran)
	return nil
}

func suites(only string) []string {
	if only != "" {
		return []string{only}
	}
	return []string{conformance, fault, sockets}
}

func moduleRoot(ctx context.Context) (string, error) {
	text, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(strings.TrimSpace(string(text))), nil
}

// trial runs the suites with changed sources.
type trial struct {
	root    string
	out     io.Writer
	verbose bool
}

func (t *trial) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...) // an error means that nobody reads the output any more
}

// plant runs a suite with the defect m planted.
func (t *trial) plant(ctx context.Context, m mutant, suite string) (verdict, error) {
	file := filepath.Join(t.root, "signaling", m.file)
	text, err := os.ReadFile(file) //nolint:gosec // the list names it
	if err != nil {
		return "", err
	}
	changed, ok := m.apply(string(text))
	if !ok {
		return noText, nil
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system cleans up the rest
	planted := filepath.Join(dir, m.file)
	if err := os.WriteFile(planted, []byte(changed), 0o600); err != nil { //nolint:gosec // our own directory
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: planted}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	return t.run(ctx, suite, list)
}

// apply returns text with the defect in it, and false when old is not there
// exactly once.
func (m *mutant) apply(text string) (string, bool) {
	if strings.Count(text, m.old) != 1 || m.old == m.new {
		return "", false
	}
	return strings.Replace(text, m.old, m.new, 1), true
}

// run runs a suite; overlay may be empty.
func (t *trial) run(ctx context.Context, suite, overlay string) (verdict, error) {
	args := []string{"test", "-count=1", "-failfast", "-vet=off", "-timeout=5m"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	switch suite {
	case conformance:
		args = append(args, "./signaling/conformance", "-patience=10s")
	case fault:
		args = append(args, "-run=^TestFaultModel", "./signaling", "-fault.shrink=false")
	case sockets:
		args = append(args, "-run=^(TestMuchAndTheEnd|TestLastWordsAndTheEnd|TestWaitingJoin.*|TestRemainderIsRead)$", "./signaling")
	default:
		return "", fmt.Errorf("there is no suite %q", suite)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.root
	said, err := cmd.CombinedOutput()
	if t.verbose {
		_, _ = t.out.Write(said)
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return "", err
	}
	return judge(said, err != nil)
}

// judge interprets the output of go test.
func judge(said []byte, failed bool) (verdict, error) {
	switch {
	case bytes.Contains(said, []byte("[build failed]")), bytes.Contains(said, []byte("[setup failed]")):
		return noCompile, nil
	case bytes.Contains(said, []byte("no tests to run")):
		return "", errors.New("the suite has no tests")
	case failed:
		return caught, nil
	default:
		return notCaught, nil
	}
}
