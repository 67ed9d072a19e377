package peertest

import (
	"context"
	"runtime"
	"strings"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
)

// patience is how long this package waits for what should happen at once.
const patience = 30 * time.Second

// TB is what this package needs of a testing.TB.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
	Context() context.Context
}

// Pair starts a server and returns two peers that are in a call on loopback. change may
// change their configurations before they join. The calls are hung up when the test ends.
func Pair(t TB, change ...func(ann, bo *peer.Config)) (ann, bo *peer.Call) {
	t.Helper()
	return Server(t).Pair(t, change...)
}

// Pair returns two peers that are in a call on this server. See the function Pair.
func (s *Site) Pair(t TB, change ...func(ann, bo *peer.Config)) (ann, bo *peer.Call) {
	t.Helper()
	a, b := s.Configs(t)
	for _, f := range change {
		f(&a, &b)
	}
	ann, bo = Join(t, a), Join(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, c := range []*peer.Call{ann, bo} {
		if err := c.WaitConnected(ctx); err != nil {
			t.Fatalf("the call did not connect within %v: %v", patience, err)
		}
	}
	return ann, bo
}

// Join joins a room, and hangs the call up when the test ends.
func Join(t TB, cfg peer.Config) *peer.Call {
	t.Helper()
	c, err := peer.Join(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%s cannot join: %v", cfg.Name, err)
	}
	t.Cleanup(c.Close)
	return c
}

// config returns the configuration of a peer that sends the test picture and a tone.
func (s *Site) config(t TB, name string) peer.Config {
	t.Helper()
	video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		t.Fatalf("the test picture: %v", err)
	}
	return peer.Config{
		Server: s.URL, Room: "room", Name: name, Video: video, Audio: peer.Tone(), Duration: -1, ConnectTimeout: patience,
	}
}

// NoLeaks fails the test when goroutines of callbox or of Pion that were not there before
// outlive it. Call it first, so that it looks last. Tests that run in parallel would be
// blamed for each other's.
func NoLeaks(t TB) {
	t.Helper()
	before := running()
	t.Cleanup(func() {
		t.Helper()
		deadline := time.Now().Add(patience)
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for ; ; <-poll.C {
			left := 0
			var stacks []string
			for name, stack := range running() {
				if _, ok := before[name]; !ok {
					left++
					stacks = append(stacks, stack)
				}
			}
			if left == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines are left:\n%s", left, strings.Join(stacks, "\n\n"))
				return
			}
		}
	})
}

// running returns the stacks of the goroutines of callbox and Pion, except for the
// caller's, by the name of the goroutine.
func running() map[string]string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	found := make(map[string]string)
	for _, stack := range strings.Split(string(stacks), "\n\n")[1:] { // the first is the caller's
		name, _, _ := strings.Cut(stack, " [")
		if strings.Contains(stack, "callbox/") || strings.Contains(stack, "github.com/pion") {
			found[name] = stack
		}
	}
	return found
}
