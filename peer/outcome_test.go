package peer_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"callbox/peer"
	"callbox/signaling/protocol"
)

// shortTimeout is for calls that must not connect; no test depends on its value.
const shortTimeout = 1000 * time.Millisecond

func run(tb testing.TB, cfg peer.Config) *peer.Report {
	tb.Helper()
	r, err := peer.Run(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func checkOutcome(tb testing.TB, r *peer.Report, code peer.ExitCode, reason string) {
	tb.Helper()
	if r.ExitCode != code || r.Result != code.Result() || !strings.Contains(r.Reason, reason) {
		tb.Errorf("ended with %d, %s, %q; want %d, %s, %q", r.ExitCode, r.Result, r.Reason, code, code.Result(), reason)
	}
}

func TestNobodyComes(t *testing.T) {
	t.Parallel()
	cfg := serve(t, nil).bot(t, "Ann")
	cfg.ConnectTimeout = shortTimeout
	r := run(t, cfg)
	checkOutcome(t, r, peer.NotConnected, "nobody came")
	if r.Path != nil || r.Media != nil || r.Peer.Role != nil || r.TimelineMS.PeerSeen != nil || r.TimelineMS.Joined == nil {
		t.Errorf("something is known that cannot be: %+v", r)
	}
}

func TestRoomIsFull(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	join(t, s.bot(t, "Ann"))
	join(t, s.bot(t, "Bo"))
	checkOutcome(t, run(t, s.bot(t, "Cy")), peer.NotJoined, "all its 2 seats are taken")
}

func TestJoinIsRefusedForTheMoment(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.config.Limits.JoinsPerSecond, s.config.Limits.JoinBurst = 1, 1
	s.kill(t)
	s.restart(t)
	join(t, s.bot(t, "Ann"))
	join(t, s.bot(t, "Bo")) // within a second, which the server refuses at first
}

func TestConnectionIsRefusedForTheMoment(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.config.Limits.Connections = 2
	s.kill(t)
	s.restart(t)
	calls := []*peer.Call{join(t, s.bot(t, "Ann")), join(t, s.bot(t, "Bo"))}
	refused := make(chan struct{})
	wasRefused := sync.OnceFunc(func() { close(refused) })
	cfg := s.bot(t, "Cy")
	cfg.Room = "another"
	cfg.Logger = slog.New(onMessage{slog.DiscardHandler, "the server refused for the moment", wasRefused})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer wasRefused()
		if c, err := peer.Join(t.Context(), cfg); err != nil {
			t.Error(err)
		} else {
			c.Hangup()
			c.Wait()
		}
	})
	<-refused
	for _, c := range calls {
		c.Hangup()
		c.Wait()
	}
	waiting.Wait()
}

// onMessage calls do for each log record with that message.
type onMessage struct {
	slog.Handler
	message string
	do      func()
}

func (onMessage) Enabled(context.Context, slog.Level) bool { return true }

func (h onMessage) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		h.do()
	}
	return nil
}

func (h onMessage) WithAttrs([]slog.Attr) slog.Handler { return h }

func TestServerIsNotThere(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.bot(t, "Ann")
	s.close()
	r := run(t, cfg)
	checkOutcome(t, r, peer.NotJoined, "could not join the room")
	if r.TimelineMS.WSOpen != nil || r.TimelineMS.Hangup == nil {
		t.Errorf("timeline: %+v", r.TimelineMS)
	}
}

func TestRelayWithoutTURN(t *testing.T) {
	t.Parallel()
	cfg := serve(t, nil).bot(t, "Ann")
	cfg.ICE = peer.Relay
	checkOutcome(t, run(t, cfg), peer.NotConnected, "offers no TURN server; enable TURN")
	cfg = serveWithTURN(t).bot(t, "Ann")
	cfg.ICE, cfg.TURNProtocol, cfg.Server = peer.Relay, peer.TURNOverTLS, serve(t, func(string) []protocol.ICEServer {
		return []protocol.ICEServer{{URLs: []string{"turn:127.0.0.1:9?transport=udp"}, Username: "u", Credential: "c"}}
	}).url
	checkOutcome(t, run(t, cfg), peer.NotConnected, "no TURN over tls")
}

func TestTURNServerIsOff(t *testing.T) {
	t.Parallel()
	s := serveWithTURN(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.turn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	for _, cfg := range []*peer.Config{&a, &b} {
		cfg.ICE, cfg.ConnectTimeout = peer.Relay, shortTimeout
	}
	join(t, b)
	checkOutcome(t, run(t, a), peer.NotConnected, "TURN server")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	ctx, interrupt := context.WithCancel(t.Context())
	cfg, other := s.bot(t, "Ann"), join(t, s.bot(t, "Bo"))
	c, err := peer.Join(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the call", c.Connected())
	await(t, "the call at the other side", other.Connected())
	interrupt()
	checkOutcome(t, c.Wait(), peer.Interrupted, "stopped")
	if code := other.Wait().ExitCode; code != peer.Good && code != peer.NoMedia {
		t.Errorf("the other side, which was left in order, ended with %d", code)
	}

	dead, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := peer.Run(dead, cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkOutcome(t, r, peer.Interrupted, "before the room was joined")
}

func TestNoMedia(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	b.Video, b.Audio = nil, nil
	a.Duration = 300 * time.Millisecond
	first, second := join(t, a), join(t, b)
	r := first.Wait()
	checkOutcome(t, r, peer.NoMedia, "neither video nor audio")
	if r.Path == nil || r.TimelineMS.DTLSConnected == nil || r.TimelineMS.FirstRTP != nil {
		t.Errorf("path %v, timeline %+v", r.Path, r.TimelineMS)
	}
	if m := r.Received("video"); m == nil || m.Negotiated || m.Flowing || m.Frames != nil || m.Packets != nil {
		t.Errorf("video: %+v", m)
	}
	checkOutcome(t, second.Wait(), peer.Good, "left") // it only listened, and heard
}

func TestDurationEndsTheCall(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	a.Duration = 500 * time.Millisecond
	first, second := join(t, a), join(t, b)
	checkOutcome(t, first.Wait(), peer.Good, "lasted its full duration")
	checkOutcome(t, second.Wait(), peer.Good, "Ann left")
	r := first.Wait()
	if length := *r.TimelineMS.Hangup - *r.TimelineMS.DTLSConnected; length < 500 {
		t.Errorf("the call took %d ms", length)
	}
}

func TestExpectationFails(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	var err error
	if a.Expect, err = peer.ParseExpectations("path=relay,intact=100%,connect<1m"); err != nil {
		t.Fatal(err)
	}
	first, second := callUntil(t, b, a, 5)
	checkOutcome(t, first, peer.Good, "hung up")
	checkOutcome(t, second, peer.ExpectationFailed, "not every expectation")
	var got []string
	for _, e := range second.Expect {
		if e.Actual == nil {
			t.Fatalf("%s: unknown", e.Expr)
		}
		if !e.OK {
			got = append(got, e.Expr+" is "+*e.Actual)
		}
	}
	if strings.Join(got, ", ") != "path=relay is direct" {
		t.Errorf("not met: %v", got)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	_, err := peer.Run(t.Context(), peer.Config{Server: "ws://x", ICE: "none", TURNProtocol: "quic", ConnectTimeout: -1})
	for _, want := range []string{"http://HOST", "no room", "ICE policy", "TURN protocol", "timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell %q", err, want)
		}
	}
}
