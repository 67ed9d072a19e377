package peer_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"callbox/peer"
	"callbox/turnserver"
)

func TestRelayedCall(t *testing.T) {
	t.Parallel()
	for _, protocol := range []peer.TURNProtocol{peer.TURNOverUDP, peer.TURNOverTCP, peer.TURNOverTLS} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			s := serveWithTURN(t)
			a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
			for _, cfg := range []*peer.Config{&a, &b} {
				cfg.ICE, cfg.TURNProtocol = peer.Relay, protocol
			}
			watched := make(chan []turnserver.Allocation, 1)
			a.Observe = func(e peer.Event) {
				if e.Kind == peer.EventConnected {
					watched <- s.turn.Allocations()
				}
			}
			first, second := callUntil(t, a, b, 20)
			for _, r := range []*peer.Report{first, second} {
				checkMedia(t, r)
				checkRelayed(t, r, protocol)
			}
			allocations := <-watched
			if len(allocations) != 2 {
				t.Errorf("%d allocations during the call", len(allocations))
			}
			for _, a := range allocations {
				if string(a.Protocol) != string(protocol) {
					t.Errorf("an allocation over %s", a.Protocol)
				}
			}
		})
	}
}

func checkRelayed(tb testing.TB, r *peer.Report, protocol peer.TURNProtocol) {
	tb.Helper()
	p := r.Path
	if p == nil || p.Type != peer.Relayed || p.Local.Type != "relay" || p.Remote.Type != "relay" {
		tb.Fatalf("path: %+v", p)
	}
	if p.Local.RelayProtocol == nil || *p.Local.RelayProtocol != string(protocol) {
		tb.Errorf("relay protocol: %v", p.Local.RelayProtocol)
	}
	if p.Local.URL == nil || !strings.HasPrefix(*p.Local.URL, "turn") {
		tb.Errorf("URL: %v", p.Local.URL)
	}
}

// If only one side is forced to relay, the path is relayed for both.
func TestOneRelayedSide(t *testing.T) {
	t.Parallel()
	s := serveWithTURN(t)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	b.ICE = peer.Relay
	// A relay must not reach loopback by default, so the other side may not be host alone.
	first, second := callUntil(t, a, b, 10)
	for _, r := range []*peer.Report{first, second} {
		checkMedia(t, r)
		if r.Path == nil || r.Path.Type != peer.Relayed {
			t.Errorf("path: %+v", r.Path)
		}
	}
	if second.Path.Local.Type != "relay" {
		t.Errorf("path: %+v", second.Path)
	}
}

func TestUntrustedTURNCertificate(t *testing.T) {
	t.Parallel()
	s := serveWithTURN(t)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	for _, cfg := range []*peer.Config{&a, &b} {
		cfg.ICE, cfg.TURNProtocol, cfg.TLS = peer.Relay, peer.TURNOverTLS, nil
		cfg.ConnectTimeout = 5 * time.Second // enough for the handshake that fails
	}
	first, second := join(t, a), join(t, b)
	for _, c := range []*peer.Call{first, second} {
		r := c.Wait()
		if r.ExitCode != peer.NotConnected || !strings.Contains(r.Reason, "--insecure") {
			t.Errorf("%d: %s", r.ExitCode, r.Reason)
		}
	}
}

func TestInsecureTURN(t *testing.T) {
	t.Parallel()
	s := serveWithTURN(t)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	for _, cfg := range []*peer.Config{&a, &b} {
		cfg.ICE, cfg.TURNProtocol = peer.Relay, peer.TURNOverTLS
		cfg.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	first, second := callUntil(t, a, b, 5)
	checkRelayed(t, first, peer.TURNOverTLS)
	checkRelayed(t, second, peer.TURNOverTLS)
}
