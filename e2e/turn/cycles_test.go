package turn_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

var cycles = flag.Int("turn.cycles", 3000, "number of allocations that TestCycles makes and ends")

// TestCycles makes allocations that end in all paths: they expire, are deleted, or lose
// their connection. The server must free everything, the ports included.
func TestCycles(t *testing.T) {
	const clients, connections, spare = 250, 20, 30
	// An address that no other test uses, because the few ports must be free.
	pid := os.Getpid()
	relays := netip.AddrFrom4([4]byte{127, byte(1 + pid>>16%200), byte(pid >> 8), byte(pid)})
	s := start(t, func(c *turnserver.Config) {
		unlimited(c)
		c.MinLifetime = time.Second
		c.RelayIPs = []netip.Addr{relays}
		c.RelayPorts = turnserver.PortRange{Min: 20000, Max: 20000 + clients + connections + spare - 1}
	})
	all := make([]*client, clients)
	for i := range all {
		all[i] = s.dial(t, turnserver.UDP, "ann")
	}
	gone := func() {
		t.Helper()
		eventually(t, "all have ended", func() bool {
			got := s.Snapshot()
			return got.Active == 0 && got.Connections == 0
		})
	}
	round := func() {
		t.Helper()
		for _, c := range all {
			c.allocate(t)
			c.must(t, stun.MethodRefresh, word{stun.AttrLifetime, 0})
		}
		for range connections {
			c := s.dial(t, turnserver.TCP, "bo")
			c.allocate(t)
			_ = c.conn.Close()
		}
		gone()
		for _, c := range all {
			c.allocate(t, word{stun.AttrLifetime, 1})
		}
		gone()
	}
	round()
	before := measure(t)
	for s.Snapshot().Created < uint64(*cycles) {
		round()
	}
	after := measure(t)
	eventually(t, "goroutines and descriptors are as before", func() bool {
		after = measure(t)
		return after.goroutines <= before.goroutines && after.descriptors <= before.descriptors
	})
	if growth := int64(after.heap) - int64(before.heap); growth > 2<<20 {
		t.Errorf("the heap grew by %d bytes", growth)
	}
	got := s.Snapshot()
	if got.Created != got.Ended || got.FailedAllocations != 0 {
		t.Errorf("snapshot %+v", got)
	}
	t.Logf("%d cycles: before %v, after %v", got.Created, before, after)
	s.end(t)
}

// use is how much the process uses of the system's resources.
type use struct {
	goroutines, descriptors int
	heap                    uint64
}

func (u use) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB", u.goroutines, u.descriptors, u.heap>>10)
}

func measure(t *testing.T) use {
	t.Helper()
	runtime.GC()
	runtime.GC() // the second collection frees what was in pools
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	u := use{goroutines: runtime.NumGoroutine(), heap: memory.HeapAlloc}
	if runtime.GOOS == "linux" {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		u.descriptors = len(entries)
	}
	return u
}
