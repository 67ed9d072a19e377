package main

import (
	"log/slog"

	"callbox/turnserver"
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

// ownDescriptors returns how many the server itself may need: listeners, UDP
// sockets and what waits for events, some of them for each processor.
func ownDescriptors(processors int) int { return 16 + 8*processors }

// shareDescriptors divides descriptors among the parts that a server has: web
// listeners, and TURN with at most so many relays (0 = no limit).
func shareDescriptors(descriptors, processors int, web, turn bool, maxRelays int) descriptorShares {
	const (
		part          = 8   // the least share is an eighth
		enoughReserve = 256 // for what does not grow with the number of clients
		enoughForRest = 64  // of the web connections, beside WebSockets
	)
	if descriptors == 0 {
		return descriptorShares{}
	}
	var shares descriptorShares
	rest := descriptors - max(min(descriptors/part, enoughReserve), ownDescriptors(processors))
	if turn {
		shares.turnTCP, shares.relays = max(descriptors/part, 1), max(descriptors/part*2, 1)
		if maxRelays > 0 {
			shares.relays = min(shares.relays, maxRelays)
			shares.turnTCP = min(shares.turnTCP, 2*maxRelays) // one for each, and those that have none yet
		}
		rest -= shares.turnTCP + shares.relays
	}
	if turn && !web { // it has what pages would have
		shares.turnTCP += rest / 4
		shares.relays += rest / 4 * 3
		if maxRelays > 0 {
			shares.relays = min(shares.relays, maxRelays)
			shares.turnTCP = min(shares.turnTCP, 2*maxRelays)
		}
	}
	if web {
		shares.web = max(rest, 1)
		shares.webSockets = shares.web - min(shares.web/part, enoughForRest)
	}
	return shares
}

// bound has limits of TURN keep to its share.
func (s descriptorShares) bound(limits *turnserver.Limits) {
	limits.TotalConnections = s.turnTCP
	if s.relays > 0 && (limits.TotalAllocations < 0 || limits.TotalAllocations > s.relays) {
		limits.TotalAllocations = s.relays
	}
}

// warnOfDescriptors tells that the process may have few of them.
func warnOfDescriptors(descriptors int, shares descriptorShares, log *slog.Logger) {
	if descriptors > 0 && descriptors < fewDescriptors {
		log.Warn("the low limit on open files restricts how many clients can be served; raise it (ulimit -n, or LimitNOFILE= in systemd)",
			"descriptors", descriptors, "web_connections", shares.web, "signaling_connections", shares.webSockets,
			"turn_connections", shares.turnTCP, "relays", shares.relays)
	}
}
