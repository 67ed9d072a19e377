package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// followPeriod is the time between two looks at the files.
const followPeriod = time.Second / 2

// followedFiles are the files that are read again while the program runs: every
// second, and at once when SIGHUP says so. One goroutine reads all of them.
type followedFiles struct {
	log   *slog.Logger
	files []*followedFile
}

// followedFile is one of them, or several that one flag names.
type followedFile struct {
	flag  string
	look  func() (change string, err error)
	onHUP bool   // look only when told to
	fault string // what is wrong with it, told already
}

// add has the files of a flag looked at. look reads them, and applies what has
// changed; it returns in a few words what that is, "" when nothing has, or what
// is wrong with them, when what was there before stays.
func (f *followedFiles) add(flag string, look func() (change string, err error)) {
	f.files = append(f.files, &followedFile{flag: flag, look: look})
}

// addOnHUP has look called at SIGHUP alone, for what finds out by itself when
// it has changed.
func (f *followedFiles) addOnHUP(flag string, look func() (change string, err error)) {
	f.files = append(f.files, &followedFile{flag: flag, look: look, onHUP: true})
}

// follow looks until ctx ends, and has the log file opened again.
func (f *followedFiles) follow(ctx context.Context, std streams) {
	if std.logFile != nil {
		f.addOnHUP("--log-file", func() (string, error) { return "", std.logFile.reopen() })
	}
	ticks := time.NewTicker(followPeriod)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			f.lookForChanges()
		case <-std.hangups:
			f.readNow()
		}
	}
}

// lookForChanges tells what has changed, and a fault once.
func (f *followedFiles) lookForChanges() {
	for _, file := range f.files {
		if file.onHUP {
			continue
		}
		before := file.fault
		change, err := file.read()
		switch {
		case err != nil && file.fault != before:
			f.log.Error("could not reload a file; the previous value stays in use", "flag", file.flag, "err", err)
		case change != "":
			f.log.Info("file reloaded", "flag", file.flag, "now", change)
		}
	}
}

// readNow reads everything and tells in one line what came of it, faults that
// are known among them.
func (f *followedFiles) readNow() {
	read, changed := []string{}, []string{}
	var errs []error
	for _, file := range f.files {
		change, err := file.read()
		read = append(read, file.flag)
		if change != "" {
			changed = append(changed, file.flag+": "+change)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file.flag, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		f.log.Error("SIGHUP: files reloaded, but some are not usable; their previous values stay in use", "read", read, "changed", changed, "err", err)
		return
	}
	f.log.Info("SIGHUP: files reloaded", "read", read, "changed", changed)
}

// read looks at the file and remembers what is wrong with it.
func (f *followedFile) read() (change string, err error) {
	change, err = f.look()
	f.fault = ""
	if err != nil {
		f.fault = err.Error()
	}
	return change, err
}
