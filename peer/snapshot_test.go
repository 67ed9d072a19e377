package peer_test

import (
	"testing"

	"callbox/peer"
)

// The report of a call that goes on says what it would say if the call ended now, and the
// call goes on.
func TestReportDuringTheCall(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.bot(t, "Ann")
	cfg.Expect, _ = peer.ParseExpectations("path=direct,intact=100%")
	a := join(t, cfg)
	before, err := a.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkOutcome(t, before, peer.NotConnected, "hung up before")
	if stats, err := a.Stats(t.Context()); err != nil || stats.Path != nil || stats.Media != nil {
		t.Errorf("%+v, %v", stats, err)
	}
	b := join(t, s.bot(t, "Bo"))
	for n := range 2 {
		if err := a.WaitFrames(t.Context(), 10*(n+1)); err != nil {
			t.Fatal(err)
		}
		r, err := a.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkOutcome(t, r, peer.Good, "hung up")
		if f := r.Received("video").Frames; *f.Received < int64(10*(n+1)) || len(r.Errors) != 0 || len(r.Expect) != 2 {
			t.Errorf("%+v, %+v, %+v", f, r.Errors, r.Expect)
		}
		stats, err := a.Stats(t.Context())
		if err != nil || stats.Path == nil || len(stats.Media) != 4 {
			t.Errorf("%+v, %v", stats, err)
		}
	}
	b.Close()
	last, err := a.Report(t.Context())
	if final := a.Wait(); err != nil || final.Reason != "Bo left" || last.ExitCode != peer.Good {
		t.Errorf("%v, %+v", err, final)
	}
}
