package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WritePrivate writes a file of the program's own, in the place of what is there
// already. Whoever reads it finds all of it or none, also after a crash: it is
// written beside the file, to disk, and then renamed. What is not a file of one's
// own stays, see [ReadPrivate].
func WritePrivate(name string, content []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err := judgePrivate(name); err != nil {
			return err
		}
	}
	return writeBeside(name, content, mode, os.Rename)
}

// CreatePrivate is WritePrivate for a file that must not be there yet: with
// fs.ErrExist as the error when it is, a symbolic link to nowhere included.
func CreatePrivate(name string, content []byte, mode fs.FileMode) error {
	return writeBeside(name, content, mode, func(from, to string) error {
		err := os.Link(from, to)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		// Some file systems have no hard links. Two first starts in one moment
		// on one of these are nobody's case.
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, fs.ErrExist)
		}
		return os.Rename(from, to)
	})
}

func writeBeside(name string, content []byte, mode fs.FileMode, place func(from, to string) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		// Gone already after a rename.
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
