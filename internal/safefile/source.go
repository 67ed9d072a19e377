package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Source is a file that an operator names, read once or time and again. A pipe,
// such as /dev/stdin or what a shell makes of <(command), is read when the
// Source is read for the first time, and its content kept from then on. A Source
// must not be used by several goroutines at once.
type Source struct {
	name    string
	limit   int
	private bool

	read    bool          // a reading has ended
	pipe    []byte        // the content of a pipe; nil = it is none
	pending chan readFile // of a reading that did not end in time
}

type readFile struct {
	text   []byte
	isPipe bool
	err    error
}

// NewSource returns the file of a name, of at most limit bytes. Nothing is read
// yet.
func NewSource(name string, limit int) *Source {
	return &Source{name: name, limit: limit}
}

// NewPrivateSource is NewSource for a file of the program's own, see [ReadPrivate].
func NewPrivateSource(name string, limit int) *Source {
	return &Source{name: name, limit: limit, private: true}
}

// Name returns the file's name.
func (s *Source) Name() string { return s.name }

// Read returns the file's content as it is now. It takes a few seconds at most,
// also when the file does not answer.
func (s *Source) Read() ([]byte, error) {
	if s.pipe != nil {
		return s.pipe, nil
	}
	wait := patience + time.Second // the reading's own bound comes first
	if s.pending == nil {
		// Nothing ends a call of the system that hangs, in a file system that
		// is gone, so this goroutine is left behind then: one for each Source.
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
		wait = time.Millisecond // it has been waited for
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
		return readFile{} // the one device that ends at once; people mean "nothing" by it
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
