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
// Every goroutine of this package belongs to one errgroup, that of server.run or, in
// callbox turn, of turnService.run; the
// parts own and wait for theirs. On SIGINT or SIGTERM, or when a part ends by itself,
// the others are shut down in the order of server.shutdownAll, which ends with that of
// turnService.shutdown, within 10 seconds. A second signal ends the process at once.
//
// # Files
//
//	main.go, run.go, cli.go          signals, command line, exit codes
//	serve*.go, server.go             callbox serve: flags, creation of the parts and what
//	                                 connects them (openSignaling), shutdown
//	turn*.go                         callbox turn, and the TURN part of serve
//	peer*.go, doctor.go, token.go    callbox peer, callbox doctor and callbox token
//	scenario.go, load*.go            callbox run and callbox load
//	list.go, secrets.go, reload.go   values from flags and files, and their reloading
//	listen.go, tlsmux.go, web.go     sockets; the port that HTTPS and TURN/TLS share
//	front.go, hosts.go, routes.go    what a request passes before it reaches a part
//	admin.go, guard.go, metrics.go   the admin listener; calls.go counts reported calls
//	certificates.go, hsts.go         which certificate, and how strict
//	jointoken.go, iceservers.go      what signaling asks cmd for
//	logging.go, warnlimit.go         the log; run.go bounds it with internal/logbound
//	memory.go, descriptors*.go       the shares of memory and file descriptors
//	setup_warnings.go, selfcheck.go, ready.go
//	                                 what the operator is told
//
// A new metric is a field in the Snapshot of its package (signaling, turnserver), and a row
// in metrics.go; TestMetricsLint fails until docs/operating.md lists it.
package main
