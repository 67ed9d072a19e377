package peer_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"callbox/peer"
)

func ufrag(sdp string) string {
	for line := range strings.Lines(sdp) {
		if name, ok := strings.CutPrefix(line, "a=ice-ufrag:"); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// solo checks that only one goroutine asks a source.
type solo struct {
	peer.Source
	t     *testing.T
	asked atomic.Bool
}

func (s *solo) Next(ctx context.Context, codec peer.Codec) (peer.Sample, error) {
	if s.asked.Swap(true) {
		s.t.Error("two goroutines ask for samples")
	}
	defer s.asked.Store(false)
	return s.Source.Next(ctx, codec)
}

// Both sides have new credentials after a restart, and media goes on.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.bot(t, "Ann")
	cfg.Video = &solo{Source: cfg.Video, t: t}
	a := join(t, cfg)
	if err := a.Restart(t.Context()); !errors.Is(err, peer.ErrNotConnected) {
		t.Errorf("before the call: %v", err)
	}
	b := join(t, s.bot(t, "Bo"))
	for _, call := range []*peer.Call{a, b} {
		if err := call.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Restart(t.Context()); !errors.Is(err, peer.ErrNotCaller) {
		t.Errorf("the callee: %v", err)
	}
	for range 2 {
		localBefore, remoteBefore, _ := a.Negotiated()
		if err := a.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		local, remote, settled := a.Negotiated()
		if !settled || ufrag(local) == ufrag(localBefore) || ufrag(remote) == ufrag(remoteBefore) {
			t.Errorf("settled: %t, here %q after %q, there %q after %q", settled,
				ufrag(local), ufrag(localBefore), ufrag(remote), ufrag(remoteBefore))
		}
	}
	if _, err := a.Ping(t.Context()); err != nil {
		t.Errorf("ping on the new path: %v", err)
	}
	if err := b.WaitFrames(t.Context(), b.Frames()+10); err != nil {
		t.Errorf("frames on the new path: %v", err)
	}
	a.Hangup()
	r := a.Wait()
	checkOutcome(t, r, peer.Good, "hung up")
	if r.Path == nil || r.Path.ICERestarts == nil || *r.Path.ICERestarts != 2 {
		t.Errorf("path: %+v", r.Path)
	}
}

// Without the server there is no way to restart: the path that works is kept.
func TestRestartWithoutTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := join(t, s.bot(t, "Ann")), join(t, s.bot(t, "Bo"))
	for _, call := range []*peer.Call{a, b} {
		if err := call.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := call.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.kill(t)
	for e := range a.Events(t.Context()) {
		if e.Kind == peer.EventSignalingLost {
			break
		}
	}
	if err := a.Restart(t.Context()); !errors.Is(err, peer.ErrSignalingAway) {
		t.Errorf("%v", err)
	}
	if _, err := a.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
