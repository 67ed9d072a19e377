package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxListFile bounds how much of a file of @FILE is read, in bytes.
	maxListFile = 1 << 20
	// listPeriod is the time between two looks at the files.
	listPeriod = time.Second
)

// list is the value of a repeatable flag, some of it perhaps in files (@FILE),
// one entry a line; empty lines and such that begin with # do not count.
type list[T any] struct {
	flag   string
	given  []string
	parse  func(string) ([]T, error)
	values []T

	// Owned by the goroutine that calls follow.
	seen  string // the files' text that values were made of
	fault string // what was wrong with newer text, told already
}

func newList[T any](flag string, given []string, parse func(string) ([]T, error), faults *faults) *list[T] {
	l := &list[T]{flag: flag, given: given, parse: parse}
	var err error
	if l.values, l.seen, err = l.read(); err != nil {
		faults.add(flag, err)
	}
	return l
}

// hasFiles reports whether there is something to follow.
func (l *list[T]) hasFiles() bool {
	for _, given := range l.given {
		if strings.HasPrefix(given, "@") {
			return true
		}
	}
	return false
}

// read returns what the flag says now, and the text of its files. The error
// joins all faults.
func (l *list[T]) read() (values []T, seen string, err error) {
	var errs []error
	for _, given := range l.given {
		entries := []string{given}
		where := ""
		if name, ok := strings.CutPrefix(given, "@"); ok {
			text, err := readListFile(name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			seen += text + "\x00"
			entries = strings.Split(text, "\n")
			where = name + ": "
		}
		for i, entry := range entries {
			if entry = strings.TrimSpace(entry); where != "" && (entry == "" || entry[0] == '#') {
				continue
			}
			parsed, err := l.parse(entry)
			if err != nil && where != "" {
				err = fmt.Errorf("%sline %d: %w", where, i+1, err)
			}
			errs = append(errs, err)
			values = append(values, parsed...)
		}
	}
	return values, seen, errors.Join(errs...)
}

// follow lets group follow a list that has files.
func follow[T any](ctx context.Context, group *errgroup.Group, l *list[T], log *slog.Logger, apply func([]T) error) {
	if l.hasFiles() {
		group.Go(func() error {
			l.follow(ctx, log, apply)
			return nil
		})
	}
}

// follow reads the files again until ctx ends, and hands changed values to
// apply. A fault is logged once, and what was there before stays.
func (l *list[T]) follow(ctx context.Context, log *slog.Logger, apply func([]T) error) {
	log = log.With("flag", l.flag)
	ticks := time.NewTicker(listPeriod)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		values, seen, err := l.read()
		if err == nil && seen == l.seen {
			l.fault = ""
			continue
		}
		if err == nil {
			err = apply(values)
		}
		switch {
		case err == nil:
			l.seen, l.fault = seen, ""
			log.Info("file of a flag read again", "entries", len(values))
		case err.Error() != l.fault:
			l.fault = err.Error()
			log.Error("file of a flag is not usable, the old value stays", "err", err)
		}
	}
}

func readListFile(name string) (string, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names the file, that is what it is for
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(file, maxListFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxListFile {
		return "", fmt.Errorf("%s is larger than %d bytes", name, maxListFile)
	}
	return string(text), nil
}
