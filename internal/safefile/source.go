package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Source is a file that an operator names, to be read once or repeatedly. A pipe, such as
// /dev/stdin or the <(command) of a shell, is read only the first time, and its content is
// kept. A Source must not be used by several goroutines at once.
type Source struct {
	name    string
	limit   int
	private bool

	read    bool          // a read has succeeded
	pipe    []byte        // the content of a pipe; nil = not a pipe
	pending chan readFile // the result of a read that has not finished
}

type readFile struct {
	text   []byte
	isPipe bool
	err    error
}

// NewSource returns a Source for a file of at most limit bytes. It does not read it yet.
func NewSource(name string, limit int) *Source {
	return &Source{name: name, limit: limit}
}

// NewPrivateSource is like NewSource, for one of the program's own files, see
// [ReadPrivate].
func NewPrivateSource(name string, limit int) *Source {
	return &Source{name: name, limit: limit, private: true}
}

// Name returns the file's name.
func (s *Source) Name() string { return s.name }

// Read returns the current content of the file. It takes at most 4 seconds, even if the
// file system does not respond.
func (s *Source) Read() ([]byte, error) {
	if s.pipe != nil {
		return s.pipe, nil
	}
	wait := ioTimeout + time.Second // so that the timeout of the read itself comes first
	if s.pending == nil {
		// A system call that hangs, in a file system that is gone, cannot be cancelled.
		// Then this goroutine stays: at most one for each Source.
		pending, first := make(chan readFile, 1), !s.read
		s.pending = pending
		go func() {
			if s.private {
				content, err := ReadPrivate(s.name, s.limit)
				pending <- readFile{text: content, err: err}
				return
			}
			pending <- readOnce(s.name, s.limit, first)
		}()
	} else {
		wait = time.Millisecond // the last call of Read has waited already
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case got := <-s.pending:
		s.pending = nil
		s.read = s.read || got.err == nil
		if got.isPipe && got.err == nil {
			s.pipe = got.text
		}
		return got.text, got.err
	case <-timeout.C:
		return nil, fmt.Errorf("%s: the file system does not answer", s.name)
	}
}

func readOnce(name string, limit int, first bool) readFile {
	if name == os.DevNull {
		return readFile{} // the only device that is allowed; people use it to mean "nothing"
	}
	file, info, err := open(name, 0, os.Stat)
	if err != nil {
		return readFile{err: err}
	}
	defer file.Close() //nolint:errcheck // only read from
	got := readFile{isPipe: info.Mode()&fs.ModeNamedPipe != 0}
	if got.isPipe && !first {
		got.err = fmt.Errorf("%s is a pipe, which can be read only at startup", name)
		return got
	}
	got.text, got.err = readAll(file, limit)
	if got.isPipe && got.err == nil && len(got.text) == 0 {
		got.err = fmt.Errorf("%s is a pipe that no program writes to", name)
	}
	return got
}
