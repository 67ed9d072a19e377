package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"callbox/internal/safefile"
)

// maxListFile bounds how much of a file of @FILE is read, in bytes.
const maxListFile = 1 << 20

// list is the value of a repeatable flag, some of it perhaps in files (@FILE),
// one entry a line; empty lines and such that begin with # do not count.
type list[T any] struct {
	flag   string
	given  []string
	parse  func(string) ([]T, error)
	values []T
	places []string // of what was read last, such as "FILE: line 3"; "" = the flag itself

	// Owned by the goroutine that reads the files again.
	sources map[string]*safefile.Source // by the name of the file
	seen    string                      // the files' text that values were made of
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

// keepPrivate has a file read as one of the data folder.
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

// follow has the files of a list read again, and changed values handed to apply.
func follow[T any](files *followedFiles, l *list[T], apply func([]T) error) {
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
