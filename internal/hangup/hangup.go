// Package hangup catches SIGHUP from the beginning of the process. The signal ends
// a process that has not asked for it, and initializing all packages takes most of
// the time until main. With this path and these few imports, this package is
// initialized before nearly all others.
package hangup

import (
	"os"
	"os/signal"
	"syscall"
)

//nolint:gochecknoglobals // only the initialization of a package comes before main
var signals = catch()

func catch() chan os.Signal {
	c := make(chan os.Signal, 1) // several that come at once are one
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// Signals returns the channel that gets SIGHUP. It has room for one.
func Signals() <-chan os.Signal { return signals }
