package datapath

const (
	// mostPolls is how often the epoll is asked for what is left of a burst: it takes
	// less than the system call that sends a datagram by itself.
	mostPolls = 6
	// burstScale is what numbers of bursts are multiplied with.
	burstScale = 64
	// fewestInBursts is how many datagrams a round has on average where they come in
	// bursts. Evenly paced they come one by one, and at times two.
	fewestInBursts = 2 * burstScale
)

// bursts watches how many datagrams, or groups that the kernel has joined, come in a
// round. What is left of a burst for a second round costs a system call more to
// receive and one more to send; so where bursts come one after the other, the engine
// looks a few times for the rest of each before it sends.
type bursts struct {
	received   int // in this round
	mean, peak int // of the last rounds, times burstScale
}

// goesOn says whether there is likely more of a burst that has begun.
func (b *bursts) goesOn() bool { return b.mean >= fewestInBursts && b.received*burstScale < b.peak }

// end ends a round.
func (b *bursts) end() {
	n := b.received * burstScale
	b.mean += (n - b.mean) / 8
	b.peak = max(n, b.peak-burstScale/2)
	b.received = 0
}
