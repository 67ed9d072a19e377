package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Append opens a regular file to write at its end, and makes it (mode 0600) when
// it is not there.
func Append(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, notFile(name, info.Mode())
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|nonBlocking, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	info, err := file.Stat() // it may be another one by now
	if err == nil && !info.Mode().IsRegular() {
		err = notFile(name, info.Mode())
	}
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	return file, nil
}

// Output opens a file for what is written once, and makes it anew. It may be a
// device, such as /dev/stdout, or a pipe that somebody reads from; a reader that
// does not go on ends a write after a few seconds.
func Output(name string) (*OutputFile, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|nonBlocking, 0o666) //nolint:gosec // the user names the file, which is a report
	if err != nil {
		if info, statErr := os.Stat(name); statErr == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			return nil, fmt.Errorf("%s is a pipe that no program reads from: %w", name, err)
		}
		return nil, err
	}
	return &OutputFile{file}, nil
}

// OutputFile is what Output opens.
type OutputFile struct{ file *os.File }

// Write implements io.Writer.
func (f *OutputFile) Write(p []byte) (int, error) {
	_ = f.file.SetWriteDeadline(time.Now().Add(patience)) // files that cannot block have none
	return f.file.Write(p)
}

// Close implements io.Closer.
func (f *OutputFile) Close() error { return f.file.Close() }
