package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callbox/turnserver"
)

// coturnFile writes a coturn configuration file.
func coturnFile(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "turnserver.conf")
	writeFile(t, name, strings.Join(lines, "\n")+"\n")
	return name
}

// TestTURNLikeCoturn serves with nothing but a coturn configuration file.
func TestTURNLikeCoturn(t *testing.T) {
	t.Parallel()
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	writeCertificate(t, certFile, keyFile, "turn.example.org")
	file := coturnFile(t,
		"use-auth-secret", "static-auth-secret="+testTURNSecret, "static-auth-secret=south-south-south", "realm=example.org",
		"listening-ip=127.0.0.1", "aux-server=127.0.0.1:0", "listening-port=0", "tls-listening-port=0",
		"cert="+certFile, "pkey="+keyFile, "user-quota=1", "no-cli", "fingerprint", "allowed-peer-ip=127.0.0.1-127.0.0.9",
	)
	r := startEnv(t, noEnv, "turn", "--admin", "127.0.0.1:0", "--turn-tls", "127.0.0.1:0", "--coturn-config", file)
	for _, transport := range []string{"udp", "tcp", "tls"} {
		if address := r.at(t, transport); !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("%s at %s", transport, address)
		}
	}
	for _, secret := range []string{testTURNSecret, "south-south-south"} {
		r.allocate(t, "udp", r.at(t, "udp"), r.credential(t, "--turn-secret", secret, "--user", secret))
	}
	if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t, "--turn-secret", testTURNSecret, "--user", testTURNSecret)); err == nil {
		t.Error("a second relay, where user-quota is 1")
	}
	if log := r.stderr.String(); !strings.Contains(log, "key=no-cli") || !strings.Contains(log, "key=fingerprint") || strings.Contains(log, testTURNSecret+"\n") {
		t.Errorf("the log does not name what is not needed:\n%s", log)
	}
}

// TestCoturnBesideFlags checks that flags override the file.
func TestCoturnBesideFlags(t *testing.T) {
	t.Parallel()
	file := coturnFile(t, "static-auth-secret="+testTURNSecret, "realm=file", "min-port=50000", "external-ip=192.0.2.1", "no-tcp", "bps-capacity=0", "total-quota=5")
	for _, tc := range []struct {
		args  []string
		env   map[string]string
		want  string // realm, ports, public addresses, TCP, TLS
		total int    // bytes
	}{
		{nil, nil, "file 50000-65535 [192.0.2.1] [] []", -1},
		{[]string{"--realm", "flag", "--turn-tcp", ":1", "--turn-total-bps", "2M"}, nil, "flag 50000-65535 [192.0.2.1] [:1] []", 2_000_000},
		{[]string{"--public-ip", "192.0.2.2"}, map[string]string{"CALLBOX_RELAY_PORTS": "1-2"}, "file 1-2 [192.0.2.2] [] []", -1},
		{[]string{"--tls-cert", "a", "--tls-key", "b"}, nil, "file 50000-65535 [192.0.2.1] [] [:5349]", -1},
	} {
		line := parse(append([]string{"turn", "--coturn-config", file}, tc.args...), envOf(tc.env), streams{})
		var wrong faults
		c := &line.cli.Turn
		c.applyCoturn(givenFlags(line.kong), slog.New(slog.DiscardHandler), &wrong)
		got := fmt.Sprint(c.Realm, " ", c.RelayPorts, " ", c.PublicIP, " ", c.TurnTCP, " ", c.TurnTLS)
		limits := c.limits(&wrong)
		if err := wrong.err(); err != nil || got != tc.want || limits.TotalBytes != tc.total || limits.UserBytes != turnserver.DefaultUserBytes || limits.TotalAllocations != 5 || !slices.Equal(c.TurnSecret, []string{testTURNSecret}) {
			t.Errorf("%q: %s, %+v, %v; want %s", tc.args, got, limits, err, tc.want)
		}
	}
}

func TestCoturnFaults(t *testing.T) {
	t.Parallel()
	file := coturnFile(t, "lt-cred-mech", "user=17:hidden", "no-such-key", "external-ip=1.2.3")
	code, stdout, stderr := runToEnd(t, noEnv, append([]string{"turn", "--data", t.TempDir(), "--coturn-config", file, "--realm="}, turnFree()...)...)
	want := []string{
		"--coturn-config: " + file + ":2: user: user \"17\"", "--coturn-config: " + file + `:3: "no-such-key" is no key`,
		"--coturn-config: " + file + ":4: external-ip: ", "--realm: ",
	}
	for _, want := range want {
		if !strings.Contains(stderr, "callbox: "+want) {
			t.Errorf("standard error does not say %q:\n%s", want, stderr)
		}
	}
	if code != exitUsage || stdout != "" || strings.Count(stderr, "callbox: ") != len(want) || strings.Contains(stderr, "hidden") {
		t.Errorf("exit code %d, %q, %s", code, stdout, stderr)
	}
	if code, _, stderr := runToEnd(t, noEnv, append([]string{"turn", "--data", t.TempDir(), "--coturn-config", "/nowhere/t.conf"}, turnFree()...)...); code != exitUsage || !strings.Contains(stderr, "--coturn-config: open /nowhere") {
		t.Errorf("without a file: exit code %d, %s", code, stderr)
	}
}
