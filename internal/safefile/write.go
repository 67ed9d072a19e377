package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WritePrivate writes one of the program's own files, and replaces an existing one. The
// write is atomic, even if the machine crashes: the content is written to a temporary
// file in the same folder, synced to disk, and renamed. Anything but a regular file is
// refused, see [ReadPrivate].
func WritePrivate(name string, content []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err := checkPrivate(name); err != nil {
			return err
		}
	}
	return writeTemp(name, content, mode, os.Rename)
}

// CreatePrivate is like WritePrivate, for a file that must not exist yet. If it does, even
// as a dangling symbolic link, the error is fs.ErrExist.
func CreatePrivate(name string, content []byte, mode fs.FileMode) error {
	return writeTemp(name, content, mode, func(from, to string) error {
		err := os.Link(from, to)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		// Some file systems have no hard links. Two first starts at the same moment on
		// one of these are not worth handling.
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, fs.ErrExist)
		}
		return os.Rename(from, to)
	})
}

func writeTemp(name string, content []byte, mode fs.FileMode, place func(from, to string) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		// After a rename it is gone already.
		if removeErr := os.Remove(file.Name()); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}()
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return place(file.Name(), name)
}
