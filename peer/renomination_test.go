package peer

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// A nomination gets a value only if the call goes through a relay and a direct pair works.
func TestNominationValue(t *testing.T) {
	t.Parallel()
	known := &relayAddresses{known: map[netip.AddrPort]struct{}{netip.MustParseAddrPort("203.0.113.1:5000"): {}}}
	pair := func(local, remote webrtc.ICECandidateType, port uint16) *webrtc.ICECandidatePair {
		return &webrtc.ICECandidatePair{
			Local: &webrtc.ICECandidate{Typ: local}, Remote: &webrtc.ICECandidate{Typ: remote, Address: "203.0.113.1", Port: port},
		}
	}
	works, silent := &ice.CandidatePair{}, &ice.CandidatePair{}
	works.UpdateRoundTripTime(time.Millisecond)
	const host, srflx, prflx, relay = webrtc.ICECandidateTypeHost, webrtc.ICECandidateTypeSrflx, webrtc.ICECandidateTypePrflx, webrtc.ICECandidateTypeRelay
	for name, tc := range map[string]struct {
		selected *webrtc.ICECandidatePair
		direct   []*ice.CandidatePair
		want     uint32
	}{
		"nothing is selected":                   {nil, []*ice.CandidatePair{works}, 0},
		"a direct pair is selected":             {pair(host, srflx, 1), []*ice.CandidatePair{works}, 0},
		"no direct pair is known":               {pair(relay, host, 1), nil, 0},
		"no direct pair works":                  {pair(relay, host, 1), []*ice.CandidatePair{silent}, 0},
		"through the relay of this side":        {pair(relay, host, 1), []*ice.CandidatePair{silent, works}, 8},
		"through that of the other":             {pair(host, relay, 1), []*ice.CandidatePair{works}, 8},
		"through a relay that checks came from": {pair(host, prflx, 5000), []*ice.CandidatePair{works}, 8},
		"directly, from behind a NAT":           {pair(host, prflx, 5001), []*ice.CandidatePair{works}, 0},
	} {
		r := renomination{relays: known, pair: tc.selected, direct: tc.direct, value: 7}
		if got := r.next(); got != tc.want {
			t.Errorf("%s: value %d, want %d", name, got, tc.want)
		}
	}
}

// Pairs that no longer work, as after an ICE restart, make room for new ones; those that work stay.
func TestDirectPairsAreForgotten(t *testing.T) {
	t.Parallel()
	host, err := ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "udp", Address: "192.0.2.1", Port: 5000, Component: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := renomination{relays: &relayAddresses{}}
	arrives := func(pair *ice.CandidatePair) {
		if r.checkArrived(nil, host, host, pair) {
			t.Error("the pair is selected")
		}
	}
	for range maxDirectPairs {
		arrives(&ice.CandidatePair{})
	}
	for range maxDirectPairs {
		works := &ice.CandidatePair{}
		works.UpdateRoundTripTime(time.Millisecond)
		arrives(works)
		if !slices.Contains(r.direct, works) {
			t.Fatalf("of %d pairs, the one that works is not remembered", len(r.direct))
		}
	}
	arrives(&ice.CandidatePair{})
	if len(r.direct) != maxDirectPairs {
		t.Errorf("%d pairs are remembered, want %d", len(r.direct), maxDirectPairs)
	}
}
