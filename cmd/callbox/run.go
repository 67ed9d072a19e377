package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"callbox/internal/logbound"
)

// Exit codes of all commands. A command with further codes returns an exitError.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2

	exitInterrupted = 130
)

// exitError is an error with an exit code.
type exitError struct {
	code int
	err  error // for the user; nil = everything has been printed
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// streams are what a command reads from and writes to.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	hangups        <-chan os.Signal // SIGHUP: reload files; nil = none
	logFile        *logFile         // reopened on SIGHUP; nil = none
}

// environment looks up an environment variable, as os.LookupEnv does.
type environment func(name string) (value string, ok bool)

// run is the whole program. args does not contain the program's name; the result is
// the exit code. It returns after ctx ends, when everything that it started has
// ended. hangups receives SIGHUP, which reloads files.
func run(ctx context.Context, hangups <-chan os.Signal, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	std := streams{stdin: stdin, stdout: stdout, stderr: stderr, hangups: hangups}
	line := parse(args, env, std)
	if line.done {
		return exitOK
	}
	if line.kong == nil {
		return printError(stderr, &exitError{exitUsage, line.faults.err()})
	}
	log, logFile, logFaults := line.cli.Log.open(stderr)
	std.logFile = logFile
	line.faults = append(line.faults, logFaults...)
	bounded := logbound.New(log.Handler())
	err := line.command(ctx, std, env, slog.New(bounded))
	bounded.Close()
	code := printError(stderr, err)
	if err := logFile.Close(); err != nil {
		code = max(code, printError(stderr, fmt.Errorf("--log-file: %w", err)))
	}
	return code
}

// command runs the chosen command. After faults in the command line only servers
// continue, to report their own faults as well.
func (l *commandLine) command(ctx context.Context, std streams, env environment, log *slog.Logger) error {
	serves := l.kong.Command() == "serve" || l.kong.Command() == "turn"
	if len(l.faults) > 0 && !serves {
		return &exitError{exitUsage, l.faults.err()}
	}
	l.kong.Bind(std, env, log, l.faults)
	l.kong.BindTo(ctx, (*context.Context)(nil))
	return l.kong.Run()
}

// printError prints an error, one line per fault, and returns its exit code.
func printError(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		if code = exit.code; exit.err == nil {
			return code
		}
	}
	for text := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintf(stderr, "callbox: %s\n", text) // there is nowhere else to report it
	}
	return code
}

// faults collects what is wrong with the command line, to report it all at once.
type faults []error

// add adds an error about a flag, such as "--http". It splits joined errors, and adds
// none twice.
func (f *faults) add(flag string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			f.add(flag, err)
		}
		return
	}
	if err == nil {
		return
	}
	err = fmt.Errorf("%s: %w", flag, err)
	if !slices.ContainsFunc(*f, func(known error) bool { return known.Error() == err.Error() }) {
		*f = append(*f, err)
	}
}

func (f *faults) addf(flag, format string, args ...any) {
	f.add(flag, fmt.Errorf(format, args...))
}

func (f faults) err() error { return errors.Join(f...) }
