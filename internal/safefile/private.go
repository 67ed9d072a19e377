package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// othersMayAccess are the permissions that what is private does not have.
const othersMayAccess = 0o077

// errNotOwn is what is wrong with a file that is not one of the program's own.
var errNotOwn = errors.New("callbox keeps only its own files here and does not touch this one; remove it, or name the file in a flag")

// ReadPrivate returns the content of a file of the program's own. A symbolic
// link, or anything else that is no regular file, is refused: whoever runs the
// program, perhaps as root, must not be led to somebody else's file.
func ReadPrivate(name string, limit int) ([]byte, error) {
	file, _, err := openPrivate(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	return readAll(file, limit)
}

func openPrivate(name string) (*os.File, fs.FileInfo, error) {
	if err := judgePrivate(name); err != nil {
		return nil, nil, err
	}
	file, info, err := open(name, noFollow, os.Lstat)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		_ = file.Close() // nothing was read
		return nil, nil, notOwn(name, info.Mode())
	}
	return file, info, nil
}

// judgePrivate refuses what is there and is not a regular file.
func judgePrivate(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return asOpen(name, err)
	}
	if !info.Mode().IsRegular() {
		return notOwn(name, info.Mode())
	}
	return nil
}

func notOwn(name string, mode fs.FileMode) error {
	return fmt.Errorf("%s is %s: %w", name, kind(mode), errNotOwn)
}

// makePrivate takes the permissions of others off an open file, and reports
// whether there were any. It leaves alone what is not for this program to
// change: a file with a second name elsewhere, or of another owner.
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

// OpenToOthers says in words what lets others at a private file or folder, and
// what to do about it; "" when nothing does. It changes nothing.
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

// MakeFolder makes a folder for files of the program's own, with those above it,
// unless it is there. A symbolic link in its place is refused.
func MakeFolder(name string) error {
	if info, err := os.Lstat(name); err == nil && !info.IsDir() {
		return notOwn(name, info.Mode())
	}
	return os.MkdirAll(name, 0o700)
}
