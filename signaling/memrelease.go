package signaling

import "time"

const (
	// releaseThreshold is how many connections must come or go before it is
	// worth giving memory back to the system.
	releaseThreshold = 1000
	// releasePause is the shortest time between two such releases.
	releasePause = 5 * time.Second
)

// memoryReleaser decides when to give memory back to the system after a burst of
// connections. Handshakes leave as much garbage behind as their connections
// keep, and an idle server would not collect it for minutes. The zero value is
// ready.
type memoryReleaser struct {
	atRelease  int           // connections at the last release
	atLastTick int           // connections one tick ago
	releasedAt time.Duration // since the server's start
}

// due reports whether a burst is over and memory is to be released, given the
// number of connections now. It must be called once every tick.
func (b *memoryReleaser) due(connections int, now time.Duration) bool {
	before := b.atLastTick
	b.atLastTick = connections
	if now-b.releasedAt < releasePause ||
		distance(connections, b.atRelease) < max(releaseThreshold, b.atRelease/4) ||
		distance(connections, before) > connections/100 { // connections still come or go
		return false
	}
	b.atRelease, b.releasedAt = connections, now
	return true
}

func distance(a, b int) int { return max(a-b, b-a) }
