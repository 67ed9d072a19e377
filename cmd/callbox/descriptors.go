package main

import (
	"log/slog"
)

const (
	// fewDescriptors is what a server for more than a few calls should have.
	fewDescriptors = 4096
	// maxDescriptors bounds what is counted on where the system has no limit.
	maxDescriptors = 1 << 20
)

// descriptorShares are how many of the file descriptors of the process each part
// may use, so that no stranger's connections take those of the others. What is
// left is for the admin listener, for files, and for sockets that the server
// itself opens. 0 = no bound.
type descriptorShares struct {
	web        int // TCP connections of --http and --https
	webSockets int // signaling connections among them; the rest is for pages and those who come back
	turnTCP    int // TCP and TLS connections of TURN
	relays     int
}

// shareDescriptors divides descriptors among a server's parts; web says whether
// it has more than TURN.
func shareDescriptors(descriptors int, web bool) descriptorShares {
	const parts = 8
	of := func(some int) int {
		if descriptors == 0 {
			return 0
		}
		return max(descriptors*some/parts, 1)
	}
	if !web {
		return descriptorShares{turnTCP: of(3), relays: of(4)}
	}
	all := of(4)
	return descriptorShares{web: all, webSockets: all - all/parts, turnTCP: of(1), relays: of(2)}
}

// warnOfDescriptors tells that the process may have few of them.
func warnOfDescriptors(descriptors int, shares descriptorShares, log *slog.Logger) {
	if descriptors > 0 && descriptors < fewDescriptors {
		log.Warn("few file descriptors bound what can be served; raise the limit (ulimit -n, LimitNOFILE= of systemd)",
			"descriptors", descriptors, "web_connections", shares.web, "signaling_connections", shares.webSockets,
			"turn_connections", shares.turnTCP, "relays", shares.relays)
	}
}
