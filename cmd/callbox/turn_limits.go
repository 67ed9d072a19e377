package main

import (
	"fmt"
	"strconv"
	"strings"

	"callbox/turnserver"
)

// turnLimits holds the flags that limit the clients of the TURN server; limits
// evaluates them.
type turnLimits struct {
	Memory *byteSize `placeholder:"BYTES" group:"Memory:" help:"Memory that all clients together may use, in bytes, such as 500M. One address may use at most a sixteenth of what is free; what would exceed the limit is refused. 0 = no limit. Default: three eighths of the memory that the machine, the container or the resource limits allow."`

	TurnUserQuota    int      `default:"24" group:"TURN limits (0 = no limit):" help:"Maximum relays (allocations) of one user."`
	TurnFixedQuota   int      `default:"1000" group:"TURN limits (0 = no limit):" help:"Maximum relays of one fixed user (--turn-user)."`
	TurnAddressQuota int      `default:"200" group:"TURN limits (0 = no limit):" help:"Maximum relays of one client address; an IPv6 /64 counts as one address."`
	TurnTotalQuota   int      `default:"10000" group:"TURN limits (0 = no limit):" help:"Maximum relays of all users together."`
	TurnPeers        int      `default:"64" group:"TURN limits (0 = no limit):" help:"Maximum permissions (peer addresses) of one relay, and maximum channels."`
	TurnMaxBps       byteRate `default:"10M" group:"TURN limits (0 = no limit):" help:"Maximum bytes (not bits) per second of each user, both directions together, such as 10M or 500K; packets above the limit are dropped."`
	TurnTotalBps     byteRate `default:"0" group:"TURN limits (0 = no limit):" help:"Maximum bytes (not bits) per second of all users together, as --turn-max-bps."`
	TurnConnections  int      `default:"200" group:"TURN limits (0 = no limit):" help:"Maximum TCP and TLS connections from one client address."`
	TurnAnswers      int      `default:"100" group:"TURN limits (0 = no limit):" help:"Maximum responses per second over UDP to one client address that has not authenticated: to STUN requests, and to missing or wrong credentials."`
}

// limits evaluates the flags. 0 switches a limit off.
func (f *turnLimits) limits(faults *faults) turnserver.Limits {
	const most = 1_000_000
	count := func(flag string, value int) int {
		if value < 0 || value > most {
			faults.addf(flag, "%d is not between 0 and %d", value, most)
		}
		return orNoLimit(value)
	}
	peers := count("--turn-peers", f.TurnPeers)
	return turnserver.Limits{
		UserAllocations:    count("--turn-user-quota", f.TurnUserQuota),
		FixedAllocations:   count("--turn-fixed-quota", f.TurnFixedQuota),
		AddressAllocations: count("--turn-address-quota", f.TurnAddressQuota),
		TotalAllocations:   count("--turn-total-quota", f.TurnTotalQuota),
		Permissions:        peers,
		Channels:           peers,
		AddressConnections: count("--turn-connections", f.TurnConnections),
		UserBytes:          orNoLimit(int(f.TurnMaxBps)),
		TotalBytes:         orNoLimit(int(f.TurnTotalBps)),
		Unauthenticated:    count("--turn-answers", f.TurnAnswers),
	}
}

// orNoLimit returns the value for turnserver.Limits, in which -1 stands for no limit.
func orNoLimit(value int) int {
	if value == 0 {
		return -1
	}
	return value
}

// byteRate is a number of bytes per second.
type byteRate int

// parseByteRate parses a whole number of bytes, thousands (K), millions (M) or
// billions (G) of bytes, from 1K to 1000G, or 0.
func parseByteRate(text string) (byteRate, error) {
	const least, most = 1_000, 1_000_000_000_000
	unit := int64(1)
	digits := text
	if n := len(text); n > 0 {
		switch text[n-1] {
		case 'K', 'k':
			unit = 1_000
		case 'M', 'm':
			unit = 1_000_000
		case 'G', 'g':
			unit = 1_000_000_000
		}
		if unit > 1 {
			digits = text[:n-1]
		}
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strings.HasPrefix(digits, "+") {
		return 0, fmt.Errorf("%q is no number", text)
	}
	if value != 0 && (value < 0 || value > most/unit || value*unit < least) {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	return byteRate(value * unit), nil
}
