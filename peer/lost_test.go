package peer_test

import (
	"context"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer"
)

// impatient makes ICE give up early, but not within the seconds that a busy machine may keep a test waiting.
func impatient(s *webrtc.SettingEngine) {
	s.SetICETimeouts(3*time.Second, 2*time.Second, 200*time.Millisecond)
}

// The TURN server that carries a call ends: the call is lost, at both sides.
func TestLostDuringTheCall(t *testing.T) {
	t.Parallel()
	s := serveWithTURN(t)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	sinks := []*frames{{want: 5, enough: make(chan struct{})}, {want: 5, enough: make(chan struct{})}}
	var calls []*peer.Call
	for i, cfg := range []*peer.Config{&a, &b} {
		cfg.ICE, cfg.TURNProtocol, cfg.SettingEngine, cfg.Sink = peer.Relay, peer.TURNOverTCP, impatient, sinks[i]
		// Expectations fail, too, but Lost takes precedence.
		cfg.Expect, _ = peer.ParseExpectations("path=direct")
		calls = append(calls, join(t, *cfg))
	}
	for i, c := range calls {
		select {
		case <-sinks[i].enough:
		case <-c.Done():
			t.Fatalf("ended before the frames came: %+v", c.Wait())
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.turn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, c := range calls {
		r := c.Wait()
		if r.ExitCode == peer.Lost {
			lost++
			checkOutcome(t, r, peer.Lost, "lost during the call")
			if r.Path == nil || r.Path.Type != peer.Relayed {
				t.Errorf("path: %+v", r.Path)
			}
		}
	}
	if lost == 0 { // the first that notices leaves, in order
		t.Error("nobody noticed")
	}
}

// Signaling ends during a call: the call goes on without it.
func TestCallOutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	toA, toB := newFrameCounter(5), newFrameCounter(30)
	a.Sink, b.Sink = toA, toB
	first, second := join(t, a), join(t, b)
	await(t, "frames at the first", toA.enough)
	s.close()
	await(t, "frames without a server", toB.enough)
	first.Hangup()
	checkOutcome(t, first.Wait(), peer.Good, "hung up")
	checkOutcome(t, second.Wait(), peer.Good, "Ann left")
}

// Signaling ends before another peer comes, and is not restored: there is no call.
func TestServerEndsWhileWaiting(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.bot(t, "Ann")
	cfg.ConnectTimeout = shortTimeout
	c := join(t, cfg)
	s.close()
	checkOutcome(t, c.Wait(), peer.NotConnected, "could not be restored")
}
