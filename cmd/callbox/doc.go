// Command callbox is everything that a video call between two people needs:
// page, signaling, STUN and TURN, and a peer without a screen.
//
// This package is the one place where the parts meet. It alone knows flags,
// environment variables and exit codes; the parts get values and funcs.
//
// # Start
//
// What the flags say is parsed and every listener is bound before anything is
// served, and all faults are told at once, each with its flag (exit code 2).
// Then the parts are made, on the bound listeners, and the ready line is
// printed.
//
// # Goroutines and end
//
// Every goroutine of this package belongs to the one errgroup of server.run;
// the parts own and wait for theirs. SIGINT, SIGTERM or a part that ends by
// itself end the rest in the order of server.shutdown, within 10 seconds; a
// second signal ends the process at once.
package main
