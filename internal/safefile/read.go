package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// patience bounds the reading of one file: a pipe whose writer is slow, a file
// system that does not answer.
const patience = 3 * time.Second

// open opens a regular file, or a pipe, without waiting for anybody.
func open(name string, flag int, stat func(string) (fs.FileInfo, error)) (*os.File, fs.FileInfo, error) {
	// Opening is an event for some devices, so what is no file is not opened.
	info, err := stat(name)
	if err != nil {
		return nil, nil, asOpen(name, err)
	}
	if err := judge(name, info); err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(name, os.O_RDONLY|nonBlocking|flag, 0) //nolint:gosec // the operator names the file, that is what it is for
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err == nil { // it may be another one by now
		err = judge(name, info)
	}
	if err != nil {
		_ = file.Close() // only read from
		return nil, nil, err
	}
	return file, info, nil
}

// asOpen has a failed look at a file told as a failure to open it.
func asOpen(name string, err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "open", Path: name, Err: failed.Err}
	}
	return err
}

// judge refuses what has no end or no content.
func judge(name string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular(), mode&fs.ModeNamedPipe != 0:
		return nil
	default:
		return notFile(name, mode)
	}
}

func notFile(name string, mode fs.FileMode) error {
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
	if err := file.SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s: could not be read to its end within %v", file.Name(), patience)
	case err != nil:
		return nil, err
	case len(text) > limit:
		return nil, fmt.Errorf("%s: larger than %d bytes", file.Name(), limit)
	}
	return text, nil
}
