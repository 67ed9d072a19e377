package signaling

import "time"

const (
	// burstSize is how many connections must come or go until it is worth
	// looking after what they left behind.
	releaseThreshold = 1000
	// burstPause is the least time between two such looks.
	releasePause = 5 * time.Second
)

// burst gives memory back to the system after a burst of connections.
// Handshakes leave as much garbage behind as their connections keep, and a
// server that idles then collects none for minutes. The zero value is ready.
type memoryReleaser struct {
	atRelease  int // connections when memory was given back last
	atLastTick int // connections a tick ago
	releasedAt time.Duration
}

// look tells whether a burst is over, now that there are so many connections.
func (b *memoryReleaser) due(connections int, now time.Duration) bool {
	before := b.atLastTick
	b.atLastTick = connections
	if now-b.releasedAt < releasePause ||
		distance(connections, b.atRelease) < max(releaseThreshold, b.atRelease/4) ||
		distance(connections, before) > connections/100 { // they still come or go
		return false
	}
	b.atRelease, b.releasedAt = connections, now
	return true
}

func distance(a, b int) int { return max(a-b, b-a) }
