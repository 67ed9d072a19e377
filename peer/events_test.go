package peer_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"callbox/peer"
)

// Whoever begins to read late reads the same as whoever reads at once.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	call := join(t, s.bot(t, "Ann"))
	read := make(chan []peer.Event, 1)
	go func() { read <- slices.Collect(call.Events(t.Context())) }()
	other := join(t, s.bot(t, "Bo"))
	if err := call.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaited := map[peer.EventKind]bool{peer.EventSafetyCode: true, peer.EventFirstFrame: true}
	for e := range call.Events(t.Context()) { // as it happens
		if delete(awaited, e.Kind); len(awaited) == 0 {
			break
		}
	}
	other.Close()
	call.Wait()
	live, late := next(t, "all events", read), slices.Collect(call.Events(t.Context()))
	if !slices.Equal(live, late) {
		t.Errorf("live %+v, late %+v", live, late)
	}
	var kinds []peer.EventKind
	for _, e := range late {
		kinds = append(kinds, e.Kind)
	}
	for _, kind := range []peer.EventKind{peer.EventJoined, peer.EventPeerSeen, peer.EventConnected, peer.EventPeerLeft} {
		if len(kinds) == 0 || !slices.Contains(kinds, kind) {
			t.Errorf("%s is missing: %v", kind, kinds)
		}
	}
	if kinds[0] != peer.EventJoined || kinds[len(kinds)-1] != peer.EventPeerLeft {
		t.Errorf("%v", kinds)
	}
}

func TestEventsEndWithTheContext(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	call := join(t, s.bot(t, "Ann"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for e := range call.Events(ctx) {
		if e.Kind != peer.EventJoined {
			t.Errorf("%+v", e)
		}
		cancel()
	}
}

// A reader that is too slow is told how much it has missed, and holds nothing up.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	const texts = 400
	s := serve(t, nil)
	call := join(t, s.bot(t, "Ann"))
	other := join(t, s.bot(t, "Bo"))
	for n := range texts {
		for other.Say(fmt.Sprint(n)) != nil { // as many wait as may
			<-call.Next()
		}
	}
	last := func(e peer.Event) bool { return e.Kind == peer.EventText && e.Text == fmt.Sprint(texts-1) }
	missed, seen := 0, 0
	for e := range call.Events(t.Context()) {
		if seen == 0 { // until all have come
			for e := range call.Events(t.Context()) {
				if last(e) {
					break
				}
			}
		}
		seen++
		missed += e.Missed
		if last(e) {
			break
		}
	}
	if missed == 0 || seen > 257 || missed+seen < texts {
		t.Errorf("%d seen, %d missed", seen, missed)
	}
}
