package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// reloadPeriod is the time between two checks of the files.
const reloadPeriod = time.Second / 2

// reloader reloads files while the program runs: within a second of a change, and at
// once on SIGHUP. One goroutine reads all of them.
type reloader struct {
	log   *slog.Logger
	files []*reloadable
}

// reloadable is one file, or several files that one flag names.
type reloadable struct {
	flag  string
	load  func() (change string, err error)
	onHUP bool   // load only on SIGHUP
	fault string // the last error, which has been logged
}

// add adds the files of a flag. load reads them and applies changes. It returns a few
// words about what has changed, or "" if nothing has; after an error, the previous
// values stay in use.
func (f *reloader) add(flag string, load func() (change string, err error)) {
	f.files = append(f.files, &reloadable{flag: flag, load: load})
}

// addOnHUP is like add, but load is called only on SIGHUP. It is for files whose
// users notice changes by themselves.
func (f *reloader) addOnHUP(flag string, load func() (change string, err error)) {
	f.files = append(f.files, &reloadable{flag: flag, load: load, onHUP: true})
}

// follow reloads files until ctx ends, and reopens the log file on SIGHUP.
func (f *reloader) follow(ctx context.Context, std streams) {
	if std.logFile != nil {
		f.addOnHUP("--log-file", func() (string, error) { return "", std.logFile.reopen() })
	}
	ticks := time.NewTicker(reloadPeriod)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			f.reloadChanged()
		case <-std.hangups:
			f.reloadAll()
		}
	}
}

// reloadChanged loads all files and logs what has changed, and each error once.
func (f *reloader) reloadChanged() {
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

// reloadAll loads everything, and logs the result in one line, including errors that
// were logged before.
func (f *reloader) reloadAll() {
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

// read loads the file and stores the error.
func (f *reloadable) read() (change string, err error) {
	change, err = f.load()
	f.fault = ""
	if err != nil {
		f.fault = err.Error()
	}
	return change, err
}
