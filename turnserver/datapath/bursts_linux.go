package datapath

const (
	// maxPolls is how often the epoll is asked for the rest of a burst. That costs less
	// than the system call that sends one datagram by itself.
	maxPolls = 6
	// burstScale is the factor of the fixed-point numbers in bursts.
	burstScale = 64
	// minBurst is how many datagrams a round has on average where they come in bursts.
	// Evenly paced they come one at a time, and sometimes two.
	minBurst = 2 * burstScale
)

// bursts counts how many datagrams, or groups that the kernel has coalesced, come in a
// round. What is left of a burst for a second round costs one more system call to receive
// and one more to send. So where bursts follow one another, the engine polls a few times
// for the rest of each before it sends.
type bursts struct {
	received   int // in this round
	mean, peak int // of the latest rounds, times burstScale
}

// expectMore reports whether the rest of a burst is likely to come.
func (b *bursts) expectMore() bool { return b.mean >= minBurst && b.received*burstScale < b.peak }

// endRound updates mean and peak after a round.
func (b *bursts) endRound() {
	n := b.received * burstScale
	b.mean += (n - b.mean) / 8
	b.peak = max(n, b.peak-burstScale/2)
	b.received = 0
}
