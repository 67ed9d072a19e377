package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxSameName is how many files of one name are tried.
const maxSameName = 1000

// file is a file of a recording. After an error nothing more is written to it.
type file struct {
	*os.File
	recorder *Recorder
	broken   bool
	end      time.Duration                    // of what is in it, since its first frame
	declare  func(length time.Duration) error // states the duration in the header; nil = it has none
	finish   func() error                     // ends the file; nil = nothing to do
}

// create creates a file that only its owner can read. kind tells apart those of a recording.
func (r *Recorder) create(kind, extension string) (*file, error) {
	for n := 1; n <= maxSameName; n++ {
		name := r.name + "-" + kind
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		out, err := os.OpenFile(filepath.Clean(filepath.Join(r.cfg.Dir, name+extension)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := &file{File: out, recorder: r}
		r.files = append(r.files, f)
		return f, nil
	}
	return nil, fmt.Errorf("there are too many files %s-%s in %s", r.name, kind, r.cfg.Dir)
}

// check handles the result of writing something of which the file has the first `end`.
func (f *file) check(end time.Duration, err error) {
	if err != nil {
		f.broken = true
		f.recorder.fail(err)
		return
	}
	f.end = max(f.end, end)
}

func (f *file) setDuration() {
	if !f.broken && f.declare != nil && f.end > 0 {
		f.check(0, f.declare(f.end))
	}
}

func (f *file) close() {
	if !f.broken && f.finish != nil {
		f.check(0, f.finish())
	}
	if err := f.Close(); err != nil {
		f.recorder.fail(err)
	}
}
