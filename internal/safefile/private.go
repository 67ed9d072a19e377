package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// othersMayAccess is the mask of the permissions that a private file does not have.
const othersMayAccess = 0o077

// errNotOwn is the error for a file that is not the program's own.
var errNotOwn = errors.New("callbox keeps only its own files here and does not touch this one; remove it, or name the file in a flag")

// ReadPrivate returns the content of one of the program's own files, of at most limit
// bytes. It refuses symbolic links and anything else that is not a regular file, because
// the program, perhaps running as root, must not be led to another user's file.
func ReadPrivate(name string, limit int) ([]byte, error) {
	file, _, err := openPrivate(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	return readAll(file, limit)
}

func openPrivate(name string) (*os.File, fs.FileInfo, error) {
	if err := checkPrivate(name); err != nil {
		return nil, nil, err
	}
	file, info, err := open(name, noFollow, os.Lstat)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		_ = file.Close() // nothing was read
		return nil, nil, notOwnError(name, info.Mode())
	}
	return file, info, nil
}

// checkPrivate returns an error if name does not exist or is not a regular file.
func checkPrivate(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return asOpenError(name, err)
	}
	if !info.Mode().IsRegular() {
		return notOwnError(name, info.Mode())
	}
	return nil
}

func notOwnError(name string, mode fs.FileMode) error {
	return fmt.Errorf("%s is %s: %w", name, kind(mode), errNotOwn)
}

// makePrivate removes the permissions of other users from an open file, and reports
// whether there were any. It does not touch a file with a second hard link or of another
// owner, because that is not the program's to change.
func makePrivate(file *os.File, info fs.FileInfo) (changed bool, err error) {
	mode := info.Mode().Perm()
	if runtime.GOOS == "windows" || mode&othersMayAccess == 0 {
		return false, nil
	}
	names, owner := linksAndOwner(info)
	switch {
	case names > 1:
		return false, fmt.Errorf("%s is accessible to other users (mode %04o) and has a second name (hard link): %w", file.Name(), mode, errNotOwn)
	case owner != os.Geteuid():
		return false, fmt.Errorf("%s is accessible to other users (mode %04o) and belongs to user %d; make it private with chmod 600, or change its owner", file.Name(), mode, owner)
	}
	if err := file.Chmod(0o600); err != nil {
		return false, fmt.Errorf("%s is accessible to other users (mode %04o) and could not be made private: %w", file.Name(), mode, err)
	}
	return true, nil
}

// OpenToOthers explains why other users can access a private file or folder, and what to
// do about it; it returns "" if they cannot. It changes nothing.
func OpenToOthers(name string) string {
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS == "windows" {
		return ""
	}
	if mode := info.Mode().Perm(); mode&othersMayAccess != 0 {
		private := "600"
		if info.IsDir() {
			private = "700"
		}
		return fmt.Sprintf("%s is accessible to other users (mode %04o); make it private: chmod %s %[1]s", name, mode, private)
	}
	if _, owner := linksAndOwner(info); owner != os.Geteuid() && owner != 0 {
		return fmt.Sprintf("%s belongs to user %d, who can read and change its contents, but callbox runs as user %d; chown %[3]d %[1]s, or run callbox as user %[2]d", name, owner, os.Geteuid())
	}
	return ""
}

// MakeFolder creates a folder (mode 0700) for the program's own files, with its parents,
// unless it exists. It refuses a symbolic link in its place.
func MakeFolder(name string) error {
	if info, err := os.Lstat(name); err == nil && !info.IsDir() {
		return notOwnError(name, info.Mode())
	}
	return os.MkdirAll(name, 0o700)
}
