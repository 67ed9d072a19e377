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

// ended is a relay's last account, which the server logs.
type ended struct {
	Msg       string
	ToPeers   int64 `json:"bytes_to_peers"`
	FromPeers int64 `json:"bytes_from_peers"`
}

// endedRelays are the accounts of all relays that have ended, the first one first.
func (s *server) endedRelays() []ended {
	var relays []ended
	for line := range strings.Lines(s.process.stderr.String()) {
		var e ended
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == "relay ended" {
			relays = append(relays, e)
		}
	}
	return relays
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

// checkReportAccount compares a bot's whole media with the last accounts of the
// call's relays. Both ends are relayed and nobody else is there, so all media pass
// the relays of both: each must have carried them.
func checkReportAccount(r *peer.Report, relays []ended) findings {
	f := findings{}
	media := int64(0)
	for _, m := range r.Media {
		media += value(m.Bytes)
	}
	used := 0
	for _, relay := range relays {
		carried := relay.ToPeers + relay.FromPeers
		if carried == 0 {
			continue // Firefox makes one to spare
		}
		used++
		if carried < media {
			f.add(account, "a relay carried %d bytes, the bot's media are %d", carried, media)
		}
	}
	if media == 0 || used < 2 {
		f.add(account, "%d relays carried anything, the bot's media are %d bytes", used, media)
	}
	return f
}
