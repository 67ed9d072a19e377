package peer_test

import (
	"slices"
	"testing"

	"callbox/peer"
)

// longCall makes a call that lasts long enough for reports of the other side (RTCP) to
// arrive, and for rates of whole seconds: four pings take at least three seconds.
func longCall(t *testing.T, change func(a, b *peer.Config)) (ofA, ofB *peer.Report) {
	t.Helper()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	if change != nil {
		change(&a, &b)
	}
	first, second := join(t, a), join(t, b)
	await(t, "the call", first.Connected())
	await(t, "the call at the other side", second.Connected())
	for range 4 {
		for _, call := range []*peer.Call{first, second} {
			if _, err := call.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	first.Hangup()
	return first.Wait(), second.Wait()
}

func TestReportOfACall(t *testing.T) {
	t.Parallel()
	ofA, ofB := longCall(t, func(a, _ *peer.Config) { a.MeasureProcess, a.RunID, a.Scenario = true, "42", "two bots" })
	for _, r := range []*peer.Report{ofA, ofB} {
		if r.ExitCode != peer.Good {
			t.Fatalf("ended with %d: %s", r.ExitCode, r.Reason)
		}
		checkFigures(t, r)
		peer.CheckSchema(t, r)
		if s := r.Security; s == nil || s.DTLS == nil || *s.DTLS != "1.2" || s.Cipher == nil || s.SRTP == nil {
			t.Fatalf("security: %+v", s)
		}
		if q := r.Audio; q == nil || q.MOSEstimate < 1 || q.MOSEstimate > 4.5 || q.Inputs.BurstR < 1 {
			t.Errorf("audio quality: %+v", q)
		}
		if r.Path.Changes != len(r.Path.Moves) {
			t.Errorf("%d changes of the path, listed are %+v", r.Path.Changes, r.Path.Moves)
		}
		if p := r.Data.Pings; p == nil || p.Sent < 2 || p.Lost == nil || *p.Lost > p.Sent || p.RTTMS == nil || p.RTTMS.Max <= 0 {
			t.Errorf("pings: %+v", p)
		}
		if l := r.Received("video").LatencyMS; l == nil || l.Clock != peer.SameClock || l.Min < 0 || l.ErrorMS <= 0 {
			t.Errorf("latency: %+v", l)
		}
		if len(r.Errors) != 0 {
			t.Errorf("errors: %+v", r.Errors)
		}
		checkEvents(t, r.Events)
	}
	if *ofA.Security.Cipher != *ofB.Security.Cipher || *ofA.Security.SRTP != *ofB.Security.SRTP {
		t.Errorf("the sides do not agree: %s, %s; %s, %s", *ofA.Security.Cipher, *ofA.Security.SRTP, *ofB.Security.Cipher, *ofB.Security.SRTP)
	}
	if ofB.Process != nil || ofB.RunID != nil || ofB.Scenario != nil {
		t.Errorf("process %+v, run %v, scenario %v", ofB.Process, ofB.RunID, ofB.Scenario)
	}
	if p := ofA.Process; p == nil || p.CPUSeconds == nil || *p.CPUSeconds <= 0 {
		t.Errorf("process: %+v", p)
	}
	if *ofA.RunID != "42" || *ofA.Scenario != "two bots" {
		t.Errorf("run %v, scenario %v", *ofA.RunID, *ofA.Scenario)
	}
}

// checkFigures checks what is measured about each direction of each kind of media.
func checkFigures(t *testing.T, r *peer.Report) {
	t.Helper()
	for _, m := range r.Media {
		if m.JitterMS == nil || m.JitterMS.Max < m.JitterMS.P95 || m.Kbps == nil || m.Kbps.P95 == nil || *m.Kbps.P95 <= 0 {
			t.Errorf("%s %s: jitter %+v, rate %+v", m.Dir, m.Kind, m.JitterMS, m.Kbps)
		}
		if (m.RTTMS != nil) != (m.Dir == "send") || m.RTTMS != nil && m.RTTMS.Min < 0 {
			t.Errorf("%s %s: round trip %+v", m.Dir, m.Kind, m.RTTMS)
		}
		if m.Lost == nil || *m.Lost < 0 || m.LossPct == nil || *m.LossPct > 100 {
			t.Errorf("%s %s: lost %v, %v %%", m.Dir, m.Kind, m.Lost, m.LossPct)
		}
	}
}

// checkEvents checks that the events of a call that went well are there, in order.
func checkEvents(t *testing.T, events []peer.Moment) {
	t.Helper()
	var kinds []peer.EventKind
	for i, e := range events {
		kinds = append(kinds, e.Type)
		if i > 0 && e.TMS < events[i-1].TMS && e.Type != peer.EventFirstFrame { // which is told a little later
			t.Errorf("event %s at %d ms comes after %d ms", e.Type, e.TMS, events[i-1].TMS)
		}
	}
	for _, kind := range []peer.EventKind{peer.EventJoined, peer.EventPeerSeen, peer.EventConnected, peer.EventFirstFrame, peer.EventSafetyCode} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no event %s in %v", kind, kinds)
		}
	}
}

// What went wrong stands in the report, in words and as a code for programs.
func TestReportNamesTheFailure(t *testing.T) {
	t.Parallel()
	cfg := serve(t, nil).bot(t, "Ann")
	cfg.ConnectTimeout = 3 * shortTimeout
	r := run(t, cfg)
	peer.CheckSchema(t, r)
	if len(r.Errors) != 1 || r.Errors[0].Stage != peer.StagePeer || r.Errors[0].Code != "nobody_came" || r.Errors[0].Hint != r.Reason {
		t.Errorf("errors: %+v", r.Errors)
	}
	cfg = serve(t, nil).bot(t, "Ann")
	cfg.ICE = peer.Relay
	if r := run(t, cfg); len(r.Errors) != 1 || r.Errors[0].Stage != peer.StageICE || r.Errors[0].Code != "no_turn" {
		t.Errorf("errors: %+v", r.Errors)
	}
}

// An ICE restart moves the call to new sockets, which the report tells with the time.
func TestReportTellsMovesOfThePath(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	first, second := join(t, s.bot(t, "Ann")), join(t, s.bot(t, "Bo"))
	await(t, "the call", first.Connected())
	await(t, "the call at the other side", second.Connected())
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Hangup()
	for i, r := range []*peer.Report{first.Wait(), second.Wait()} {
		peer.CheckSchema(t, r)
		if len(r.Path.Moves) == 0 || r.Path.Changes < len(r.Path.Moves) || i == 0 && *r.Path.ICERestarts != 1 {
			t.Fatalf("path: %+v", r.Path)
		}
		for _, m := range r.Path.Moves {
			if m.TMS < *r.TimelineMS.ICEConnected || m.TMS > *r.TimelineMS.Hangup || m.From.Type != peer.Direct || m.To.Type != peer.Direct {
				t.Errorf("%+v", m)
			}
		}
	}
}
