package datapath_test

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"

	"callbox/turnserver/datapath"
	"callbox/turnserver/limit"
	"callbox/turnserver/wire"
)

// TestAllocations checks that relaying a datagram allocates nothing.
func TestAllocations(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		own := runtime.GOMAXPROCS(0) // AllocsPerRun changes it, and does not know that engines do
		t.Cleanup(func() { runtime.GOMAXPROCS(own) })
		config.Denies = func(netip.Addr) string { return "" }
		config.PolicyEpoch = new(atomic.Uint64)
		config.Total = limit.NewBucket(1<<40, 0)
		s := start(t, config)
		at := addrPort(s.socket.LocalAddr())
		buffer := make([]byte, 1<<16)
		hop := func(from, to *conn, message []byte, where netip.AddrPort) func() {
			return func() {
				_, err := from.WriteToUDPAddrPort(message, where)
				if err == nil {
					_, _, err = to.ReadFromUDPAddrPort(buffer)
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
		a, b, c := s.party(t), s.party(t), s.party(t)
		peer := dial(t, "127.0.0.1:0")
		for _, p := range []*party{a, b, c} {
			p.relay.Permit(peer.addr.Addr(), true)
		}
		bind(a.relay, 0x4000, peer.addr)
		bind(a.relay, 0x4001, b.relayed)
		bind(b.relay, 0x4001, a.relayed)
		p := pattern(1000, 1)
		binding := wire.Build(nil, wire.NewType(wire.Binding, wire.Request), wire.TransactionID{1})
		binding.AddFingerprint()
		for name, trip := range map[string]func(){
			"channel, up":      hop(a.conn, peer, channelData(0x4000, p), at),
			"channel, down":    hop(peer, a.conn, p, a.relayed),
			"indication, up":   hop(c.conn, peer, sendIndication(peer.addr, p), at),
			"indication, down": hop(peer, c.conn, pattern(1001, 1), c.relayed),
			"relay to relay":   hop(a.conn, b.conn, channelData(0x4001, p), at),
			"to no channel":    hop(b.conn, c.conn, sendIndication(c.relayed, p), at),
			"binding":          hop(a.conn, a.conn, binding.Bytes(), at),
		} {
			// It counts what other goroutines of the process allocate, too. An allocation on the
			// path shows in every attempt.
			n := testing.AllocsPerRun(200, trip)
			for attempt := 1; n != 0 && attempt < 3; attempt++ {
				n = testing.AllocsPerRun(200, trip)
			}
			if n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
