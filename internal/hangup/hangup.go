// Package hangup catches SIGHUP from the very start of the process. SIGHUP ends a process
// that has not subscribed to it, and initializing all packages takes most of the time until
// main. With its import path and few imports, this package is initialized before nearly all
// others.
package hangup

import (
	"os"
	"os/signal"
	"syscall"
)

//nolint:gochecknoglobals // only package initialization runs before main
var signals = catch()

func catch() chan os.Signal {
	c := make(chan os.Signal, 1) // several signals at once count as one
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// Signals returns the channel that receives SIGHUP. It has a buffer of one.
func Signals() <-chan os.Signal { return signals }
