package turn

import "callbox/bench/compare"

// What callbox should reach, as a multiple of the best coturn, and what it must reach at
// least.
const (
	evenTarget, evenFloor           = 1.5, 1.3
	burstTarget, burstFloor         = 2, 1.8
	coalescedTarget, coalescedFloor = 4, 3
	hopTarget                       = 1.15
	memoryTarget, memoryFloor       = 10, 12 // KiB
	saturationTarget                = 0.95   // of the forwarder
)

// targets returns the targets of all rows at all rates.
func targets() (all []compare.Target) {
	coturns := []string{labelCoturn, labelCoturn2, labelCurrent}
	forwarders := []string{labelForwarder, labelOffload}
	limits := map[string]struct{ limit, floor, without float64 }{
		"pairs":     {evenTarget, evenFloor, 1.05},
		"small":     {evenTarget, evenFloor, 1.05},
		"burst4":    {burstTarget, burstFloor, 1.3},
		"coalesced": {coalescedTarget, coalescedFloor, 2.5},
		"up":        {hopTarget, 0, 0},
		"down":      {hopTarget, 0, 0},
		"tcp":       {1, 0, 0},
		"tcp4":      {1, 0, 0},
		"tls":       {1, 0, 0},
		"tls4":      {1, 0, 0},
	}
	for _, w := range rows() {
		for _, rate := range w.rates {
			add := func(server, what string, t compare.Target) {
				t.Row, t.Server, t.Against = w.figure(rate, what), server, coturns
				all = append(all, t)
			}
			if l, ok := limits[w.name]; ok {
				add(labelCallbox, figureCPU, compare.Target{Limit: l.limit, Floor: l.floor})
				if l.without > 0 {
					add(labelWithout, figureCPU, compare.Target{Limit: l.without})
				}
			}
			for _, server := range []string{labelCallbox, labelWithout} {
				add(server, figureP99, compare.Target{Limit: 1, Most: true})
				add(server, figureLoss, compare.Target{Limit: 0, Most: true, Excess: true})
			}
		}
		switch {
		case w.idle:
			all = append(all, compare.Target{
				Row: w.figure(0, figureMemory), Server: labelCallbox,
				Limit: memoryTarget, Floor: memoryFloor, Most: true,
			})
		case w.search:
			for _, server := range []string{labelCallbox, labelWithout} {
				all = append(all, compare.Target{Row: w.figure(0, figureHops), Server: server, Against: forwarders, Limit: saturationTarget})
			}
		}
	}
	return all
}
