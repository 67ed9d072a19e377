//go:build unix

package safefile

import (
	"io/fs"
	"math"
	"syscall"
)

const (
	nonBlocking = syscall.O_NONBLOCK
	noFollow    = syscall.O_NOFOLLOW
)

// linksAndOwner returns the number of hard links to a file, and its owner.
func linksAndOwner(info fs.FileInfo) (names uint64, owner int) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return math.MaxUint64, -1
	}
	return uint64(status.Nlink), int(status.Uid) //nolint:unconvert // its width depends on the system
}
