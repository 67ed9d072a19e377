//go:build unix

package main

import "syscall"

// descriptors returns how many file descriptors the process may have, which Go
// raises as far as it can; 0 = no limit is known.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), maxDescriptors)) //nolint:unconvert // its type depends on the system
}
