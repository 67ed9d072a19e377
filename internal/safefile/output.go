package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Append opens a regular file for appending, and creates it (mode 0600) if it does not
// exist. The caller must close it.
func Append(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, notFileError(name, info.Mode())
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|nonBlocking, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	info, err := file.Stat() // it may have been replaced
	if err == nil && !info.Mode().IsRegular() {
		err = notFileError(name, info.Mode())
	}
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	return file, nil
}

// Output opens a file for writing, and creates or truncates it. It may be a device, such
// as /dev/stdout, or a pipe that a program reads from; a write fails if the reader blocks
// it for 3 seconds. The caller must close the file.
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

// OutputFile is a file opened by Output.
type OutputFile struct{ file *os.File }

// Write implements io.Writer.
func (f *OutputFile) Write(p []byte) (int, error) {
	_ = f.file.SetWriteDeadline(time.Now().Add(ioTimeout)) // files that cannot block have none
	return f.file.Write(p)
}

// Close implements io.Closer.
func (f *OutputFile) Close() error { return f.file.Close() }
