package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// ioTimeout is for reading one file, and for each write: a pipe may be slow, and a file
// system may not respond.
const ioTimeout = 3 * time.Second

// open opens a regular file or a pipe without blocking.
func open(name string, flag int, stat func(string) (fs.FileInfo, error)) (*os.File, fs.FileInfo, error) {
	// Opening some devices has effects, so only files and pipes are opened.
	info, err := stat(name)
	if err != nil {
		return nil, nil, asOpenError(name, err)
	}
	if err := checkKind(name, info); err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(name, os.O_RDONLY|nonBlocking|flag, 0) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err == nil { // it may have been replaced
		err = checkKind(name, info)
	}
	if err != nil {
		_ = file.Close() // only read from
		return nil, nil, err
	}
	return file, info, nil
}

// asOpenError turns an error of Stat or Lstat into one of Open.
func asOpenError(name string, err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "open", Path: name, Err: failed.Err}
	}
	return err
}

// checkKind returns an error for anything but a regular file or a pipe.
func checkKind(name string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular(), mode&fs.ModeNamedPipe != 0:
		return nil
	default:
		return notFileError(name, mode)
	}
}

func notFileError(name string, mode fs.FileMode) error {
	return fmt.Errorf("%s is %s, not a file", name, kind(mode))
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "something else"
	}
}

// readAll reads at most limit bytes.
func readAll(file *os.File, limit int) ([]byte, error) {
	// Files that cannot block have no deadline.
	if err := file.SetReadDeadline(time.Now().Add(ioTimeout)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s: could not be read to its end within %v", file.Name(), ioTimeout)
	case err != nil:
		return nil, err
	case len(text) > limit:
		return nil, fmt.Errorf("%s: larger than %d bytes", file.Name(), limit)
	}
	return text, nil
}
