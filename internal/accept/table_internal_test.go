package accept

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"
)

// TestCounts performs random operations on connections, and compares the counters with the
// connections that exist.
func TestCounts(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	table := New(Config{})
	var conns []*Conn
	states := []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateHijacked}
	for range 20_000 {
		switch n := random.IntN(10); {
		case n < 3 && len(conns) < 200:
			client := netip.AddrFrom4([4]byte{192, 0, 2, byte(random.IntN(12))})
			c := &Conn{table: table}
			table.mu.Lock()
			h := table.holders[client]
			if h == nil {
				h = &holder{client: client, index: -1, exempt: client.As4()[3] == 0}
				table.holders[client] = h
			}
			h.total++
			table.total++
			c.holder = h
			table.mu.Unlock()
			conns = append(conns, c)
		case len(conns) == 0:
		case n == 3:
			i := random.IntN(len(conns))
			table.remove(conns[i])
			table.remove(conns[i]) // as when its user closes it twice
			conns = append(conns[:i], conns[i+1:]...)
		case n == 4:
			table.hold(conns[random.IntN(len(conns))], 1)
		default:
			table.setState(conns[random.IntN(len(conns))], states[random.IntN(len(states))], plainCost)
		}
	}
	most := 0
	for _, h := range table.holders {
		most = max(most, h.weight())
		if len(table.heap) > 0 && h.weight() > 0 && table.heap[h.index] != h {
			t.Errorf("%v is not where it says in the heap", h.client)
		}
	}
	if top := table.heap.most(); top == nil || top.weight() != most {
		t.Errorf("%+v is on top, want one with %d connections", top, most)
	}
	for _, c := range conns {
		table.remove(c)
	}
	if got := table.Snapshot(); got.Waiting != 0 || got.Busy != 0 || got.Held != 0 || got.Addresses != 0 || len(table.heap) != 0 {
		t.Errorf("when all are closed the table has %+v", got)
	}
}
