//go:build !linux

package peer

// residentBytes returns false: it is unknown.
func residentBytes() (int64, bool) { return 0, false }
