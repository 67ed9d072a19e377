package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"callbox/peer"
)

// allocation is a relay as the server's account lists it.
type allocation struct {
	Protocol  string
	Relayed   string
	Client    netip.AddrPort
	ToPeers   struct{ Bytes int64 } `json:"to_peers"`
	FromPeers struct{ Bytes int64 } `json:"from_peers"`
}

func (a allocation) bytes() int64 { return a.ToPeers.Bytes + a.FromPeers.Bytes }

// allocations are the live ones.
func (s *server) allocations(t *testing.T) []allocation {
	t.Helper()
	text, err := s.ask(t.Context(), "/relays?clients=1")
	if err != nil {
		t.Fatal(err)
	}
	var live []allocation
	if err := json.Unmarshal([]byte(text), &live); err != nil {
		t.Fatal(err)
	}
	return live
}

// relayedTotal is all that the server has ever relayed, both ways.
func (s *server) relayedTotal(t *testing.T) int64 {
	t.Helper()
	return int64(s.metric(t, "callbox_turn_to_peers_bytes_total") + s.metric(t, "callbox_turn_from_peers_bytes_total"))
}

// awaitRelays waits until each client has an allocation that has carried
// something, by the transport and no other.
func (s *server) awaitRelays(t *testing.T, transport string) {
	t.Helper()
	lab := theLab(t)
	err := eventually(t, patience, func() error {
		busy := map[netip.Addr]int{}
		live := s.allocations(t)
		for _, a := range live {
			if a.Protocol != transport {
				t.Fatalf("an allocation by %s in a call by %s", a.Protocol, transport)
			}
			if a.ToPeers.Bytes > 0 && a.FromPeers.Bytes > 0 {
				busy[a.Client.Addr().Unmap()]++
			}
		}
		if busy[lab.AAddr] == 0 || busy[lab.BAddr] == 0 {
			return fmt.Errorf("allocations %+v: both clients need one that works", live)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitNoRelays waits until all allocations are gone, as they must be soon
// after both have left.
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

// checkAccount compares what a browser has sent and received so far with the
// account of its very allocation.
func (s *server) checkAccount(t *testing.T, seen *sight) findings {
	t.Helper()
	f := findings{}
	media := seen.Sent + seen.Received
	var relay allocation
	_ = eventually(t, 5*time.Second, func() error { // what was sent may still be on its way
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
		f.add(account, "the allocation of %q carried %d bytes, its media are %d", seen.Relayed, relay.bytes(), media)
	}
	return f
}

// checkReportAccount compares a bot's whole media with what the server relayed
// in the call. Both ends are relayed and nobody else is there, so all bytes
// pass both allocations, and half of the total is what each carried.
func checkReportAccount(r *peer.Report, total int64) findings {
	f := findings{}
	media := int64(0)
	for _, m := range r.Media {
		media += value(m.Bytes)
	}
	if media == 0 || total/2 < media {
		f.add(account, "the server relayed %d bytes for each side, the bot's media are %d", total/2, media)
	}
	return f
}
