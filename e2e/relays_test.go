package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"callbox/peer"
)

// allocation is an allocation as the admin listener lists it at /relays.
type allocation struct {
	Protocol  string
	Relayed   string
	Client    netip.AddrPort
	ToPeers   struct{ Bytes int64 } `json:"to_peers"`
	FromPeers struct{ Bytes int64 } `json:"from_peers"`
}

func (a allocation) bytes() int64 { return a.ToPeers.Bytes + a.FromPeers.Bytes }

// allocations returns the live allocations.
func (s *server) allocations(t *testing.T) []allocation {
	t.Helper()
	text, err := s.getAdmin(t.Context(), "/relays?clients=1")
	if err != nil {
		t.Fatal(err)
	}
	var live []allocation
	if err := json.Unmarshal([]byte(text), &live); err != nil {
		t.Fatal(err)
	}
	return live
}

// endedAllocation is what the server logs when an allocation ends.
type endedAllocation struct {
	Msg       string
	ToPeers   int64 `json:"bytes_to_peers"`
	FromPeers int64 `json:"bytes_from_peers"`
}

// endedAllocations returns all allocations that have ended, in that order.
func (s *server) endedAllocations() []endedAllocation {
	var all []endedAllocation
	for line := range strings.Lines(s.process.stderr.String()) {
		var e endedAllocation
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == "allocation ended" {
			all = append(all, e)
		}
	}
	return all
}

// awaitRelays waits until each client has an allocation that has relayed
// something in both directions. All allocations must use the transport.
func (s *server) awaitRelays(t *testing.T, transport string) {
	t.Helper()
	lab := sharedLab(t)
	err := eventually(t, patience, func() error {
		busy := map[netip.Addr]int{}
		live := s.allocations(t)
		for _, a := range live {
			if a.Protocol != transport {
				t.Fatalf("an allocation over %s in a call over %s", a.Protocol, transport)
			}
			if a.ToPeers.Bytes > 0 && a.FromPeers.Bytes > 0 {
				busy[a.Client.Addr().Unmap()]++
			}
		}
		if busy[lab.AAddr] == 0 || busy[lab.BAddr] == 0 {
			return fmt.Errorf("allocations %+v: each client needs one that relays", live)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitNoRelays waits until no allocation is left, soon after both peers have
// left the room.
func (s *server) awaitNoRelays(t *testing.T) {
	t.Helper()
	err := eventually(t, patience, func() error {
		if live := s.allocations(t); len(live) > 0 {
			return fmt.Errorf("after the call there are still %+v", live)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// checkRelayBytes compares what a browser has sent and received so far with the
// bytes that its allocation has relayed.
func (s *server) checkRelayBytes(t *testing.T, seen *observation) findings {
	t.Helper()
	f := findings{}
	media := seen.Sent + seen.Received
	var relay allocation
	_ = eventually(t, 5*time.Second, func() error { // what was sent may still be on the way
		for _, a := range s.allocations(t) {
			if a.Relayed == seen.Relayed {
				relay = a
			}
		}
		if relay.bytes() < media {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if media == 0 || relay.bytes() < media {
		f.add(relayBytes, "the allocation of %q relayed %d bytes, the media are %d bytes", seen.Relayed, relay.bytes(), media)
	}
	return f
}

// checkReportRelayBytes compares all media of a bot with what the allocations of
// the call have relayed. Both peers use a relay, and there is no other call, so
// all media pass through an allocation of each: each must have relayed them all.
func checkReportRelayBytes(r *peer.Report, ended []endedAllocation) findings {
	f := findings{}
	media := int64(0)
	for _, m := range r.Media {
		media += value(m.Bytes)
	}
	used := 0
	for _, a := range ended {
		relayed := a.ToPeers + a.FromPeers
		if relayed == 0 {
			continue // Firefox makes one that it does not use
		}
		used++
		if relayed < media {
			f.add(relayBytes, "an allocation relayed %d bytes, the bot's media are %d bytes", relayed, media)
		}
	}
	if media == 0 || used < 2 {
		f.add(relayBytes, "%d allocations relayed anything, the bot's media are %d bytes", used, media)
	}
	return f
}
