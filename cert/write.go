package cert

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// place says what writeFile does with a file that is there already.
type place bool

const (
	replace place = false
	keep    place = true // the error is fs.ErrExist
)

// writeFile writes a file so that whoever reads it finds all of it or none,
// also after a crash: into a temporary file beside it, to disk, and there.
func writeFile(name string, text []byte, mode fs.FileMode, how place) (err error) {
	dir := filepath.Dir(name)
	file, err := os.CreateTemp(dir, "."+filepath.Base(name)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		// Gone already after a rename.
		if removeErr := os.Remove(file.Name()); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}()
	_, err = file.Write(text)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return moveFile(file.Name(), name, how)
}

func moveFile(from, to string, how place) error {
	if how == keep {
		err := os.Link(from, to)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		// Some file systems have no hard links; two first starts in one
		// moment on one of these are nobody's case.
	}
	return os.Rename(from, to)
}
