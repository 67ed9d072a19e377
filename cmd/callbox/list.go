package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"callbox/internal/safefile"
)

// maxListFile is the largest @FILE that is read, in bytes.
const maxListFile = 1 << 20

// list is the value of a repeatable flag. Part of it may be in files (@FILE), with one
// entry per line; empty lines and lines that begin with # are ignored.
type list[T any] struct {
	flag   string
	given  []string
	parse  func(string) ([]T, error)
	values []T
	places []string // of the values read last, such as "FILE: line 3"; "" = the flag itself

	// Owned by the goroutine that reloads the files.
	sources map[string]*safefile.Source // by file name
	seen    string                      // the text of the files from which values were parsed
}

func newList[T any](flag string, given []string, parse func(string) ([]T, error), faults *faults) *list[T] {
	l := &list[T]{flag: flag, given: given, parse: parse}
	var err error
	if l.values, l.seen, err = l.read(); err != nil {
		faults.add(flag, err)
	}
	return l
}

// hasFiles reports whether there are files to reload.
func (l *list[T]) hasFiles() bool {
	for _, given := range l.given {
		if strings.HasPrefix(given, "@") {
			return true
		}
	}
	return false
}

// read returns the current values of the flag, and the text of its files. The error
// joins all faults.
func (l *list[T]) read() (values []T, seen string, err error) {
	var errs []error
	l.places = nil
	for _, given := range l.given {
		entries := []string{given}
		where := ""
		if name, ok := strings.CutPrefix(given, "@"); ok {
			text, err := l.readFile(name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			seen += text + "\x00"
			entries = strings.Split(text, "\n")
			where = name + ": "
		}
		for i, entry := range entries {
			if entry = safefile.Trim(entry); where != "" && (entry == "" || entry[0] == '#') {
				continue
			}
			place := ""
			if where != "" {
				place = fmt.Sprintf("%sline %d", where, i+1)
			}
			parsed, err := l.parse(entry)
			if err != nil && place != "" {
				err = fmt.Errorf("%s: %w", place, err)
			}
			errs = append(errs, err)
			values = append(values, parsed...)
			l.places = append(l.places, slices.Repeat([]string{place}, len(parsed))...)
		}
	}
	return values, seen, errors.Join(errs...)
}

func (l *list[T]) readFile(name string) (string, error) {
	if l.sources[name] == nil {
		l.setSource(name, safefile.NewSource(name, maxListFile))
	}
	return readText(l.sources[name])
}

// keepPrivate marks a file as one of the data folder, to be read as such.
func (l *list[T]) keepPrivate(name string) {
	l.setSource(name, safefile.NewPrivateSource(name, maxListFile))
}

func (l *list[T]) setSource(name string, source *safefile.Source) {
	if l.sources == nil {
		l.sources = map[string]*safefile.Source{}
	}
	l.sources[name] = source
}

// readText returns the text of a file.
func readText(source *safefile.Source) (string, error) {
	content, err := source.Read()
	if err != nil {
		return "", err
	}
	text, err := safefile.Text(content)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source.Name(), err)
	}
	return text, nil
}

// follow reloads the files of a list, and passes changed values to apply.
func follow[T any](files *reloader, l *list[T], apply func([]T) error) {
	if !l.hasFiles() {
		return
	}
	files.add(l.flag, func() (string, error) {
		values, seen, err := l.read()
		if err != nil || seen == l.seen {
			return "", err
		}
		if err := apply(values); err != nil {
			return "", err
		}
		l.seen = seen
		return fmt.Sprintf("%d entries", len(values)), nil
	})
}
