package signaling

import "time"

const (
	// burstSize is how many connections must come or go until it is worth
	// looking after what they left behind.
	burstSize = 1000
	// burstPause is the least time between two such looks.
	burstPause = 5 * time.Second
)

// burst gives memory back to the system after a burst of connections.
// Handshakes leave as much garbage behind as their connections keep, and a
// server that idles then collects none for minutes. The zero value is ready.
type burst struct {
	settled int // connections when memory was given back last
	before  int // connections a tick ago
	at      time.Duration
}

// look tells whether a burst is over, now that there are so many connections.
func (b *burst) look(connections int, now time.Duration) bool {
	before := b.before
	b.before = connections
	if now-b.at < burstPause ||
		distance(connections, b.settled) < max(burstSize, b.settled/4) ||
		distance(connections, before) > connections/100 { // they still come or go
		return false
	}
	b.settled, b.at = connections, now
	return true
}

func distance(a, b int) int { return max(a-b, b-a) }
