package load_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/load"
	"callbox/peer/pattern"
	"callbox/peer/peertest"
)

// small is a run that costs little.
func small(server string, pairs int) load.Config {
	return load.Config{
		Server: server, Pairs: pairs, PerSecond: 50, Duration: 1500 * time.Millisecond, ConnectTimeout: time.Minute,
		ICE: peer.Host, Size: pattern.Size{Width: 256, Height: 128}, FPS: 10,
	}
}

func expectations(t *testing.T, text string) []peer.Expectation {
	t.Helper()
	all, err := peer.ParseExpectationsOf(&load.Report{}, text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// All pairs are counted, every frame is intact, and what is not met decides the exit code.
func TestRun(t *testing.T) {
	t.Parallel()
	cfg := small(peertest.Server(t).URL, 3)
	cfg.RunID = "7"
	var shown atomic.Int64
	cfg.Observe = func(p load.Progress) { shown.Store(int64(p.Good)) }
	cfg.Expect = expectations(t, "pairs.good_pct=100%,frames.intact_pct=100%,setup_ms.p95<1us")
	report, err := load.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkSchema(t, report)
	text, err := report.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	if p := report.Pairs; *p.GoodPct != 100 || p.Good != 3 || p.Connected != 3 || p.Failed != 0 || len(report.Failed) != 0 {
		t.Errorf("%s", text)
	}
	if report.Frames.Received == 0 || report.Frames.Intact != report.Frames.Received || report.Frames.Missing != 0 || report.Packets.Received == 0 {
		t.Errorf("frames %+v, packets %+v", report.Frames, report.Packets)
	}
	if report.SetupMS == nil || report.FirstFrameMS == nil || report.FirstFrameMS.P99 < report.FirstFrameMS.P50 || report.Refusals != 0 {
		t.Errorf("%s", text)
	}
	if report.ExitCode != peer.ExpectationFailed || len(report.Expect) != 3 || !report.Expect[0].OK || !report.Expect[1].OK || report.Expect[2].OK {
		t.Errorf("exit code %d, %+v", report.ExitCode, report.Expect)
	}
	if shown.Load() != 3 || *report.RunID != "7" {
		t.Errorf("%d good at the end, run %s", shown.Load(), *report.RunID)
	}
}

// A server that refuses is left alone after 20 refusals, with the flag that would help.
func TestRefusals(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"code":"rate_limited","message":"too many connections from this address"}`))
	}))
	defer server.Close()
	cfg := small(server.URL, 50)
	cfg.PerSecond = load.MaxPerSecond
	report, err := load.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkSchema(t, report)
	if report.ExitCode != peer.NotJoined || report.Refusals < load.MaxRefusals || report.Pairs.Good != 0 {
		t.Errorf("%+v", report)
	}
	for _, part := range []string{"refusals in a row", "--limit-connections", "--ramp"} {
		if !strings.Contains(report.Reason, part) {
			t.Errorf("%q is not in %q", part, report.Reason)
		}
	}
}

// More than 50 pairs at a public address need a token.
func TestPublicServersNeedToken(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"https://192.0.2.1", "https://[2001:db8::1]:8443"} {
		if _, err := load.Run(t.Context(), small(server, load.MaxPublicPairs+1)); !errors.Is(err, load.ErrConfig) || !strings.Contains(err.Error(), "--token") {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	cfg := load.Config{Server: "x", Pairs: -1, PerSecond: -1, Duration: -1, ICE: "y"}
	_, err := load.Run(t.Context(), cfg)
	for _, part := range []string{"-1 pairs", "-1 pairs a second", "the duration", `server "x"`, `"y"`} {
		if !errors.Is(err, load.ErrConfig) || !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

// When the program is stopped, so are the calls.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	cfg := small(peertest.Server(t).URL, 2)
	cfg.Duration = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Observe = func(p load.Progress) {
		if p.Connected == 2 {
			cancel()
		}
	}
	report, err := load.Run(ctx, cfg)
	if err != nil || report.ExitCode != peer.Interrupted || report.Pairs.Connected != 2 {
		t.Fatalf("%v, %+v", err, report)
	}
	checkSchema(t, report)
}

func TestEveryNameCanBeExpected(t *testing.T) {
	t.Parallel()
	names := peer.ExpectationNamesOf(&load.Report{})
	if !slices.Contains(names, "setup_ms.p99") || !slices.Contains(names, "cost.pair_pct") || len(names) < 50 {
		t.Errorf("%q", names)
	}
	for _, name := range names {
		if _, err := peer.ParseExpectationsOf(&load.Report{}, name+"=1"); err != nil && !strings.Contains(err.Error(), "must be") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := peer.ParseExpectationsOf(&load.Report{}, "pairs.goood=1"); err == nil || !strings.Contains(err.Error(), `did you mean "pairs.good"`) {
		t.Errorf("%v", err)
	}
}
