package peer_test

import (
	"context"
	"errors"
	"testing"

	"callbox/peer"
)

func TestWaitConnected(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a := join(t, s.bot(t, "Ann"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.WaitConnected(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	b := join(t, s.bot(t, "Bo"))
	for _, call := range []*peer.Call{a, b} {
		if err := call.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	if err := a.WaitConnected(t.Context()); err != nil {
		t.Errorf("after a call that was connected: %v", err)
	}
}

func TestWaitConnectedInVain(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	call := join(t, s.bot(t, "Ann"))
	waited := make(chan error, 1)
	go func() { waited <- call.WaitConnected(t.Context()) }()
	call.Close()
	call.Close() // changes nothing
	err := next(t, "the end of the wait", waited)
	ended, ok := errors.AsType[*peer.EndedError](err)
	if !ok || ended.Code != peer.NotConnected || ended.Reason != call.Wait().Reason || !errors.Is(err, peer.ErrCallEnded) {
		t.Errorf("%v", err)
	}
}
