package whip_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"callbox/internal/wishtest"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/whip"
)

const patience = 30 * time.Second

// config sends pattern and tone to an endpoint.
func config(t *testing.T, endpoint, token string) peer.Config {
	t.Helper()
	signaler, err := whip.New(whip.Config{URL: endpoint, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		t.Fatal(err)
	}
	return peer.Config{
		Server: endpoint, Signaler: signaler, Video: video, Audio: peer.Tone(), Duration: -1, ConnectTimeout: patience,
	}
}

func join(t *testing.T, cfg peer.Config) *peer.Call {
	t.Helper()
	call, err := peer.Join(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(call.Close)
	return call
}

// waitPackets waits until the server has received more audio and video.
func waitPackets(t *testing.T, s *wishtest.Server, more int64) {
	t.Helper()
	audio, video := s.Packets[0].Load(), s.Packets[1].Load()
	timeout := time.After(patience)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for s.Packets[0].Load() < audio+more || s.Packets[1].Load() < video+more {
		select {
		case <-timeout:
			t.Fatalf("%d and %d packets", s.Packets[0].Load(), s.Packets[1].Load())
		case <-poll.C:
		}
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	s := wishtest.New(t)
	s.Token, s.Busy, s.Link = "secret", 1, `<stun:127.0.0.1:9>; rel="ice-server"`
	call := join(t, config(t, s.URL, "secret"))
	if err := call.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitPackets(t, s, 10)
	if err := call.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitPackets(t, s, 10)
	if _, err := call.Ping(t.Context()); !errors.Is(err, peer.ErrNoCtl) {
		t.Errorf("ping: %v", err)
	}
	call.Hangup()
	r := call.Wait()
	if r.ExitCode != peer.Good || r.Path == nil || *r.Path.ICERestarts != 1 {
		t.Errorf("%d, %s; %+v", r.ExitCode, r.Reason, r.Path)
	}
	for _, m := range r.Media {
		if m.Dir == "send" != m.Negotiated {
			t.Errorf("%+v", m)
		}
	}
	close(s.Requests)
	var requests []string
	for request := range s.Requests {
		requests = append(requests, request)
	}
	want := "OPTIONS /endpoint, POST /endpoint, POST /endpoint, PATCH /session/1, DELETE /session/1"
	if got := strings.Join(requests, ", "); got != want {
		t.Errorf("requests: %s", got)
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	s := wishtest.New(t)
	call := join(t, config(t, strings.Replace(s.URL, "/endpoint", "/moved", 1), ""))
	if err := call.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := wishtest.New(t)
	s.Token = "secret"
	report, err := peer.Run(t.Context(), config(t, s.URL, "wrong"))
	if err != nil {
		t.Fatal(err)
	}
	if report.ExitCode != peer.NotJoined || report.Reason != "the server refused the call: 401 Unauthorized" {
		t.Errorf("%d, %s", report.ExitCode, report.Reason)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	report, err := peer.Run(t.Context(), config(t, "http://127.0.0.1:1/endpoint", ""))
	if err != nil {
		t.Fatal(err)
	}
	if report.ExitCode != peer.NotJoined || !strings.Contains(report.Reason, "could not join") {
		t.Errorf("%d, %s", report.ExitCode, report.Reason)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "example.org/whip", "ftp://example.org", "https://"} {
		if _, err := whip.New(whip.Config{URL: address}); err == nil || !strings.Contains(err.Error(), "write its address") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
