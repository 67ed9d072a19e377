package main

import (
	"log/slog"

	"callbox/turnserver"
)

const (
	// fewDescriptors is the number below which a warning is logged.
	fewDescriptors = 4096
	// maxDescriptors is the number to assume if the system has no limit.
	maxDescriptors = 1 << 20
)

// descriptorShares holds how many file descriptors each part of the process may use,
// so that connections to one part cannot use up those of the others. The rest is for
// the admin listener, for files, and for sockets that the server itself opens. 0 = no
// limit.
type descriptorShares struct {
	web        int // TCP connections of --http and --https
	webSockets int // signaling connections among them; the rest is for pages and for peers that come back
	turnTCP    int // TCP and TLS connections of TURN
	relays     int
}

// ownDescriptors returns how many descriptors the server itself may need: listeners,
// UDP sockets and pollers, some of them for each processor.
func ownDescriptors(processors int) int { return 16 + 8*processors }

// shareDescriptors divides descriptors among the parts of a server: web listeners,
// and TURN with at most maxRelays relays (0 = no limit).
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
	if turn && !web { // TURN gets the share of the pages, too
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

// apply lowers the limits of TURN to its share.
func (s descriptorShares) apply(limits *turnserver.Limits) {
	limits.TotalConnections = s.turnTCP
	if s.relays > 0 && (limits.TotalAllocations < 0 || limits.TotalAllocations > s.relays) {
		limits.TotalAllocations = s.relays
	}
}

// warnOfDescriptors logs a warning if the process has few descriptors.
func warnOfDescriptors(descriptors int, shares descriptorShares, log *slog.Logger) {
	if descriptors > 0 && descriptors < fewDescriptors {
		log.Warn("the low limit on open files restricts how many clients can be served; raise it (ulimit -n, or LimitNOFILE= in systemd)",
			"descriptors", descriptors, "web_connections", shares.web, "signaling_connections", shares.webSockets,
			"turn_connections", shares.turnTCP, "relays", shares.relays)
	}
}
