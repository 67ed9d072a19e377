package peertest_test

import (
	"context"
	"fmt"

	"callbox/peer"
	"callbox/peer/peertest"
)

// run runs f like a test, and prints its faults. In a real test, its *testing.T does that.
func run(f func(t peertest.TB)) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &example{ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.end()
		defer cancel()
		f(t)
	}()
	<-done
}

func ExamplePair() {
	run(func(t peertest.TB) { // func TestCall(t *testing.T)
		peertest.NoLeaks(t)
		ann, bo := peertest.Pair(t, func(ann, _ *peer.Config) { ann.ICE = peer.Relay })
		if err := bo.WaitFrames(t.Context(), 20); err != nil {
			t.Fatalf("Bo sees no picture: %v", err)
		}
		ann.Hangup()
		fmt.Println(ann.Wait().Path.Type, bo.Wait().ExitCode)
	})
	// Output: relay 0
}

func ExampleServer() {
	run(func(t peertest.TB) {
		server := peertest.Server(t)
		a, b := server.Configs(t)
		a.Audio = nil // Ann sends no sound
		ann, bo := peertest.Join(t, a), peertest.Join(t, b)
		<-bo.Connected()
		ann.Hangup()
		fmt.Println(bo.Wait().Received("audio").Flowing)
	})
	// Output: false
}

func ExampleNAT() {
	run(func(t peertest.TB) {
		ann, bo := peertest.NAT(t, peertest.Symmetric, peertest.PortRestricted).Pair(t)
		bo.Hangup()
		fmt.Println(ann.Wait().Path.Type, bo.Wait().Path.Type)
	})
	// Output: relay relay
}

func ExampleNoLeaks() {
	run(func(t peertest.TB) {
		peertest.NoLeaks(t)
		peertest.Pair(t) // hung up when the test ends
	})
	fmt.Println("nothing is left")
	// Output: nothing is left
}

// example is the testing.TB of an example.
type example struct {
	ctx     context.Context //nolint:containedctx // TB.Context returns it
	cleanup []func()
}

// Helper implements peertest.TB.
func (*example) Helper() {}

// Errorf implements peertest.TB.
func (*example) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) } //nolint:forbidigo // the output of the example

// Fatalf implements peertest.TB.
func (*example) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Cleanup implements peertest.TB.
func (e *example) Cleanup(f func()) { e.cleanup = append(e.cleanup, f) }

// Context implements peertest.TB.
func (e *example) Context() context.Context { return e.ctx }

// end runs what Cleanup was given, the last first.
func (e *example) end() {
	for i := len(e.cleanup) - 1; i >= 0; i-- {
		e.cleanup[i]()
	}
}
