// Command callbox is everything that a video call between two people needs:
// call page, signaling, STUN and TURN, and a headless peer.
//
// This package is the only place where the parts are connected. It alone knows
// flags, environment variables and exit codes; the parts receive values and
// functions.
//
// # Start
//
// All flags are parsed and all listeners are bound before anything is served, and
// all faults are reported at once, each with its flag (exit code 2). Then the parts
// are created on the bound listeners, and the ready line is printed.
//
// # Goroutines and shutdown
//
// Every goroutine of this package belongs to the one errgroup of server.run; the
// parts own and wait for theirs. On SIGINT or SIGTERM, or when a part ends by itself,
// the others are shut down in the order of server.shutdownAll, within 10 seconds. A
// second signal ends the process at once.
package main
