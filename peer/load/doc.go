// Package load makes many calls at once, each between two peers of this process and in a
// room of its own, to see what a server, a network or a machine carries.
//
//	report, err := load.Run(ctx, load.Config{Server: "http://127.0.0.1:8080", Pairs: 100, PerSecond: 10})
//
// It is no weapon: without a token, or a server at a private or loopback address, it makes
// MaxPublicPairs at most; it waits for as long as a server that refuses asks, and gives up
// after MaxRefusals refusals in a row.
//
// A run (run.go) starts a goroutine for each pair (pair.go), as fast as the ramp says. All
// joins pass one gate (gate.go), which closes for the time that the server asks for. What
// the calls report is gathered in a tally (tally.go), and a meter (meter.go) measures what
// this process costs meanwhile. The result is a [Report] (report.go).
package load
