package peer

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"

	"callbox/signaling/protocol"
)

const (
	hostLine  = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"
	mdnsLine  = "candidate:1 1 udp 2113937151 0d3e1b5e-9a4e-4b52-9c2f-0123456789ab.local 5000 typ host"
	srflxLine = "candidate:2 1 udp 1694498815 203.0.113.1 5001 typ srflx raddr 192.0.2.1 rport 5000"
	relayLine = "candidate:3 1 udp 16777215 2001:db8::7 5002 typ relay raddr 203.0.113.1 rport 5001"
)

func TestCandidateLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][2]string{
		hostLine: {"host", "192.0.2.1:5000"}, mdnsLine: {"host", "invalid AddrPort"},
		srflxLine: {"srflx", "203.0.113.1:5001"}, relayLine: {"relay", "[2001:db8::7]:5002"},
		"": {"", "invalid AddrPort"}, "typ": {"", "invalid AddrPort"}, "a b c d e f typ": {"", "invalid AddrPort"},
	} {
		if got := candidateType(line); got != want[0] {
			t.Errorf("%q has type %q", line, got)
		}
		if got := candidateAddress(line).String(); got != want[1] {
			t.Errorf("%q has address %s", line, got)
		}
	}
}

func TestSelectServers(t *testing.T) {
	t.Parallel()
	servers := []protocol.ICEServer{
		{URLs: []string{"stun:192.0.2.1:3478", "stuns:192.0.2.1:5349", "http://nonsense"}},
		{Username: "u", Credential: "c", URLs: []string{
			"turn:192.0.2.1:3478", "turn:192.0.2.1:3478?transport=tcp", "turns:192.0.2.1:443?transport=tcp",
			"turn:192.0.2.1:443?transport=tcp", "turns:192.0.2.1:5349?transport=udp",
		}},
	}
	const stun, udp, tcp, secure, shared = "stun:192.0.2.1:3478", "turn:192.0.2.1:3478", "turn:192.0.2.1:3478?transport=tcp",
		"turns:192.0.2.1:443?transport=tcp", "turn:192.0.2.1:443?transport=tcp"
	for _, c := range []struct {
		policy ICEPolicy
		only   TURNProtocol
		want   []string
	}{
		{All, "", []string{stun, udp, tcp, secure}},
		{Relay, "", []string{stun, udp, tcp, secure}},
		{All, TURNOverUDP, []string{stun, udp}},
		{Relay, TURNOverTCP, []string{stun, tcp, shared}},
		{Relay, TURNOverTLS, []string{stun, secure}},
		{Srflx, "", []string{stun}},
		{Host, "", nil},
	} {
		var got []string
		for _, s := range selectServers(servers, c.policy, c.only) {
			got = append(got, s.URLs...)
			if turn := turnURLs([]webrtc.ICEServer{s}, ""); len(turn) > 0 && (s.Username != "u" || s.Credential != "c") {
				t.Errorf("credentials are lost: %+v", s)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s, %q: %v, want %v", c.policy, c.only, got, c.want)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]bool{
		"http://127.0.0.1:8080": true, "https://localhost": true, "http://[::1]:1": true,
		"https://example.org": false, "http://192.0.2.1": false, ":": false,
	} {
		if isLoopback(server) != want {
			t.Errorf("%s: %v", server, !want)
		}
	}
}

func TestMostTellingTURNFault(t *testing.T) {
	t.Parallel()
	family := &net.OpError{Op: "dial", Err: &net.AddrError{Err: "no suitable address"}}
	refused := errors.New("connection refused")
	certificate := &tls.CertificateVerificationError{Err: errors.New("unknown authority")}
	for _, c := range []struct {
		faults []error
		want   error
	}{
		{nil, nil},
		{[]error{family}, family},
		{[]error{family, refused}, refused},
		{[]error{family, refused, certificate}, certificate},
	} {
		d := &turnDialer{failures: c.faults}
		if got := d.failure(); !errors.Is(got, c.want) {
			t.Errorf("of %v: %v", c.faults, got)
		}
	}
}

func TestWithoutCredentials(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"turn:192.0.2.1:3478?transport=udp": "turn:192.0.2.1:3478?transport=udp",
		"turns:user:secret@example.org":     "turns:example.org",
		"nonsense":                          "nonsense",
	} {
		if got := withoutCredentials(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}
