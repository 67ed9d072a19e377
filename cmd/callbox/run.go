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

// Exit codes that every command shares. A command with more of its own
// returns an exitError.
const (
	exitGood   = 0
	exitFailed = 1
	exitUsage  = 2
)

// exitError is what a command returns to end with a code of its own.
type exitError struct {
	code int
	err  error // what to tell the user; nil when all has been told
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
	hangups        <-chan os.Signal // SIGHUP: read files again; nil = there are none
	logFile        *logFile         // opened again then; nil = there is none
}

// environment looks up an environment variable, as os.LookupEnv does.
type environment func(name string) (value string, ok bool)

// run is the whole program: args without the program's name, an environment
// and streams in, an exit code out. It returns when ctx ends and everything
// that it started has ended. hangups gets SIGHUP, which ends nothing.
func run(ctx context.Context, hangups <-chan os.Signal, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	std := streams{stdin: stdin, stdout: stdout, stderr: stderr, hangups: hangups}
	line := parse(args, env, std)
	if line.done {
		return exitGood
	}
	if line.kong == nil {
		return tell(stderr, &exitError{exitUsage, line.faults.err()})
	}
	log, logFile, logFaults := line.cli.Log.open(stderr)
	std.logFile = logFile
	line.faults = append(line.faults, logFaults...)
	bounded := logbound.New(log.Handler())
	err := line.command(ctx, std, env, slog.New(bounded))
	bounded.Close()
	code := tell(stderr, err)
	if err := logFile.Close(); err != nil {
		code = max(code, tell(stderr, fmt.Errorf("--log-file: %w", err)))
	}
	return code
}

// command runs the chosen command. Only servers go on after faults in the
// command line, to tell those of their own beside them.
func (l *commandLine) command(ctx context.Context, std streams, env environment, log *slog.Logger) error {
	serves := l.kong.Command() == "serve" || l.kong.Command() == "turn"
	if len(l.faults) > 0 && !serves {
		return &exitError{exitUsage, l.faults.err()}
	}
	l.kong.Bind(std, env, log, l.faults)
	l.kong.BindTo(ctx, (*context.Context)(nil))
	return l.kong.Run()
}

// tell writes an error for a person, a line for each fault, and returns the
// exit code that it means.
func tell(stderr io.Writer, err error) int {
	if err == nil {
		return exitGood
	}
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		if code = exit.code; exit.err == nil {
			return code
		}
	}
	for text := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintf(stderr, "callbox: %s\n", text) // nobody is left to tell
	}
	return code
}

// faults collects what is wrong with the command line, to tell it all at once.
type faults []error

// add notes what is wrong with a flag, such as "--http"; of an error that
// joins several, each by itself, and none twice.
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
	if !slices.ContainsFunc(*f, func(told error) bool { return told.Error() == err.Error() }) {
		*f = append(*f, err)
	}
}

func (f *faults) addf(flag, format string, args ...any) {
	f.add(flag, fmt.Errorf(format, args...))
}

func (f faults) err() error { return errors.Join(f...) }
