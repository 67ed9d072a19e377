package datapath

import "sync/atomic"

// Stats are the counters of a Path since its start.
type Stats struct {
	// Traffic is that of all relays, including those that have ended.
	Traffic Traffic
	// Drops counts datagrams that were not relayed, by reason. Reasons that never occurred
	// are left out.
	Drops map[Drop]uint64
	// Bindings counts the plain Binding requests that were answered.
	Bindings uint64
	// Batches counts the system calls that received datagrams, by how many each received:
	// 1, 2, up to 4, up to 8 and so on; the last has no bound.
	Batches [batches]uint64
	// Overflows counts datagrams that the kernel dropped because a receive buffer was full.
	Overflows uint64
	// Segmented and Coalesced count datagrams that were sent and received as part of a
	// larger one (UDP_SEGMENT and UDP_GRO).
	Segmented, Coalesced uint64
}

// batches is the number of classes of batch sizes: 1, 2, 4, ... 64, and more.
const batches = 8

// counters are those of a path that do not belong to a relay.
type counters struct {
	drops                          [drops]atomic.Uint64
	batches                        [batches]atomic.Uint64
	bindings, segmented, coalesced atomic.Uint64
}

func (c *counters) drop(cause Drop) {
	if cause != Sent {
		c.drops[cause].Add(1)
	}
}

// batch counts a system call that received n datagrams.
func (c *counters) batch(n int) {
	if n > 0 {
		c.batches[batchClass(n)].Add(1)
	}
}

// batchClass returns the index in Stats.Batches for n datagrams.
func batchClass(n int) int {
	class := 0
	for n > 1<<class && class < batches-1 {
		class++
	}
	return class
}

// Stats returns the counters.
func (p *Path) Stats() Stats {
	s := Stats{
		Drops: map[Drop]uint64{}, Bindings: p.stats.bindings.Load(),
		Segmented: p.stats.segmented.Load(), Coalesced: p.stats.coalesced.Load(),
	}
	for cause := range p.stats.drops {
		if n := p.stats.drops[cause].Load(); n > 0 {
			s.Drops[Drop(cause)] = n
		}
	}
	for class := range p.stats.batches {
		s.Batches[class] = p.stats.batches[class].Load()
	}
	p.measureOverflows()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Traffic, s.Overflows = p.endedTraffic, p.overflows
	for r := range p.relays {
		s.Traffic.add(r.Traffic())
		s.Overflows += r.conn.overflows()
	}
	for socket := range p.sockets {
		s.Overflows += socket.conn.overflows()
	}
	return s
}

// measureOverflows updates the overflows of all sockets. It must not be called with mu held,
// since it may be the one that closes a socket.
func (p *Path) measureOverflows() {
	p.mu.Lock()
	sockets, relays := keys(p.sockets), keys(p.relays)
	p.mu.Unlock()
	for _, s := range sockets {
		s.conn.measure()
	}
	for _, r := range relays {
		r.conn.measure()
	}
}
