package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callbox/peer"
	"callbox/peer/load"
	"callbox/peer/peertest"
)

// openSockets counts the sockets of this process (proc(5)). Those of a server in it are not
// told apart, but what else a server has open is left out.
func openSockets() int {
	links, _ := filepath.Glob("/proc/self/fd/*") // fails only for a bad pattern
	n := 0
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// A run has as many sockets as Descriptors says. The test is not parallel, because it counts
// those of the whole process.
func TestDescriptors(t *testing.T) {
	const pairs, ends = 4, 2 * 4
	for _, tc := range []struct {
		policy peer.ICEPolicy
		server int // of the server in this process, for each end: connections and relays
	}{
		{peer.Host, 1},
		{peer.Srflx, 1},
		{peer.Relay, 2},
		{peer.All, 2},
	} {
		cfg := small(peertest.Server(t).URL, pairs)
		cfg.ICE, cfg.TURNProtocol = tc.policy, peer.TURNOverUDP // which is all that this server offers
		before, most := openSockets(), 0
		cfg.Observe = func(p load.Progress) {
			if p.Connected == pairs {
				most = max(most, openSockets()-before)
			}
		}
		if _, err := load.Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		pair, all := cfg.Descriptors()
		want := pairs*pair + ends*tc.server
		t.Logf("%s: %d sockets are open, %d with IPv6", tc.policy, most, want)
		// Without IPv6 Pion has no sockets for mDNS, which are four at each end.
		if most > want || most < want-4*ends || all <= pairs*pair {
			t.Errorf("%s: %d are open, want %d, %d of them for each pair; %d for all", tc.policy, most, want, pair, all)
		}
	}
}
