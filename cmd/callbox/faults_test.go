package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStartFaults starts callbox with invalid flags: each fault must be reported with its
// flag, the exit code must be 2, and nothing may be left open.
func TestStartFaults(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	takenUDP, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { takenUDP.Close() })
	port, portUDP := taken.Addr().String(), takenUDP.LocalAddr().String()
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte("# old\n0123456789abcdef\nshort\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	comments := filepath.Join(t.TempDir(), "comments")
	if err := os.WriteFile(comments, []byte("# none\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		want []string // beginnings of lines; "…" stands for anything up to what follows
	}{
		{"unknown flag", []string{"--bogus"}, []string{"unknown flag --bogus"}},
		{"flags of other versions", []string{"--external-turn", "turn:a.example", "--domain=a.example", "--quiet-room=e"}, []string{
			"unknown flag --external-turn", "unknown flag --domain", "unknown flag --quiet-room",
		}},
		{"unknown command", []string{"nonsense"}, []string{"unexpected argument nonsense"}},
		{"no value", []string{"--http"}, []string{"--http: a value is required"}},
		{"no port", []string{"--http", "8080", "--turn-udp", "127.0.0.1", "--admin", "127.0.0.1:http"}, []string{
			`--http: "8080" is not an address with a port`, `--turn-udp: "127.0.0.1" is not`, `--admin: "127.0.0.1:http" is not`,
		}},
		{"port out of range", []string{"--https", ":65536"}, []string{`--https: ":65536" is not an address`}},
		{"occupied", []string{"--http", port, "--https", port, "--turn-tcp", port, "--turn-tls", port, "--admin", port, "--turn-udp", portUDP}, []string{
			"--http: " + port + " is already in use", "--https: " + port, "--turn-tcp: " + port, "--turn-tls: " + port, "--admin: " + port, "--turn-udp: " + portUDP + " is already in use",
		}},
		{"foreign address", []string{"--http", "198.51.100.1:0", "--turn-udp", "198.51.100.1:0", "--relay-ip", "198.51.100.1"}, []string{
			"--http: 198.51.100.1:0 is not an address of this machine", "--turn-udp: 198.51.100.1:0 is not", "--relay-ip: 198.51.100.1:0 is not",
		}},
		{"nothing to serve", []string{"--http", "", "--https="}, []string{"--http, --https: both are off"}},
		{"certificate without key", []string{"--tls-cert", "a.pem"}, []string{"--tls-cert, --tls-key: one is given without the other"}},
		{"unreadable certificate", []string{"--tls-cert", "/nowhere/a.pem", "--tls-key", secrets}, []string{
			"--tls-cert, --tls-key: open /nowhere/a.pem: no such file",
		}},
		{"not a certificate", []string{"--tls-cert", secrets, "--tls-key", secrets}, []string{
			"--tls-cert, --tls-key: " + secrets + ": not PEM; a certificate", "--tls-cert, --tls-key: " + secrets + ": not PEM; a key",
		}},
		{"addresses", []string{"--public-ip", "dns:,0.0.0.0", "--public-ip", "clouds", "--relay-ip", "fe80::1%lo"}, []string{
			`--public-ip: "dns:" does not name a host`, "--public-ip: 0.0.0.0 cannot be used: it is unspecified, multicast or has a zone", `--public-ip: "clouds" is not an IP address, nor dns:NAME, stun:HOST or cloud`, "--relay-ip: fe80::1%lo cannot be used: it is",
		}},
		{"public addresses without relays", []string{"--public-ip", "203.0.113.1,203.0.113.2"}, []string{"--public-ip: 203.0.113.2 is a second public address for relays on"}},
		{"relay ports", []string{"--relay-ports", "60000-50000"}, []string{"--relay-ports: port range 60000-50000 ends before it begins"}},
		{"relay ports in words", []string{"--relay-ports", "many"}, []string{"--relay-ports: "}},
		{"secrets", []string{"--turn-secret", "short", "--turn-secret", "@" + secrets, "--turn-secret", "@/nowhere/s"}, []string{
			"--turn-secret: a secret has 5 bytes", "--turn-secret: " + secrets + ": line 3: a secret has 5 bytes", "--turn-secret: open /nowhere/s",
		}},
		{"no secret", []string{"--turn-secret", "@" + comments, "--join-secret", "@" + comments, "--session-secret", "@" + comments}, []string{
			"--turn-secret: there is no secret in @" + comments, "--join-secret: there is no secret in @" + comments, "--session-secret: there is no secret in @" + comments,
		}},
		{"short secrets", []string{"--join-secret", "0123456789abcdef0123456789abcde", "--session-secret", "@" + secrets, "--session-secret", "stored"}, []string{
			"--join-secret: a secret has 31 bytes, at least 32", "--session-secret: " + secrets + ": line 2: a secret has 16 bytes", "--session-secret: " + secrets + ": line 3: a secret has 5 bytes",
		}},
		{"proxies", []string{"--trusted-proxy", "10.0.0.0/99,proxy.example", "--trusted-proxy", "@/nowhere/p"}, []string{
			`--trusted-proxy: "10.0.0.0/99"`, `--trusted-proxy: "proxy.example"`, "--trusted-proxy: open /nowhere/p",
		}},
		{"realm", []string{"--realm", `a"b`}, []string{`--realm: "a\"b" is not`}},
		{"no realm", []string{"--realm="}, []string{`--realm: "" is not`}},
		{"peers", []string{"--turn-allow-peer", "10.0.0.0/99,private", "--turn-deny-peer", "example.org"}, []string{
			`--turn-allow-peer: "10.0.0.0/99"`, `--turn-deny-peer: "example.org"`,
		}},
		{"numbers", []string{"--room-capacity", "two", "--limit-frames", "1.5", "--limit-joins=-1", "--limit-connections", "99999999", "--ping", "15"}, []string{
			`--room-capacity: "two" is not a whole number`, `--limit-frames: "1.5" is not`, "--limit-joins: -1 is not between", "--limit-connections: 99999999", `--ping: "15" is not a duration`,
		}},
		{"limits of relays", []string{"--turn-user-quota=-1", "--turn-address-quota", "x", "--turn-total-quota", "1000001", "--turn-peers", "99999999", "--turn-connections=-5", "--turn-answers", "many", "--turn-max-bps", "10 MB", "--turn-total-bps", "1"}, []string{
			"--turn-user-quota: -1 is not between 0 and 1000000", `--turn-address-quota: "x" is not a whole number`, "--turn-total-quota: 1000001 is not between", "--turn-peers: 99999999 is not",
			"--turn-connections: -5 is not", `--turn-answers: "many" is not a whole number`, `--turn-max-bps: "10 MB" is not a number of bytes per second`, `--turn-total-bps: "1" is not a number of bytes per second`,
		}},
		{"periods", []string{"--ping", "1ms", "--grace", "61m"}, []string{"--ping: 1ms is neither 0 nor between", "--grace: 1h1m0s is neither 0 nor between"}},
		{"origins", []string{"--allow-origin", "friend.example,https://friend.example/", "--allow-origin", "*"}, []string{
			`--allow-origin: "friend.example" is not`, `--allow-origin: "https://friend.example/" is not`, `--allow-origin: "*" is not`,
		}},
		{"sites that show calls", []string{"--allow-embed", "*,https://example.org/shop", "--allow-embed", "https://*.example.org"}, []string{
			`--allow-embed: "*" would let unknown sites`, `--allow-embed: "https://example.org/shop" is not`, `--allow-embed: "https://*.example.org" would`,
		}},
		{"logs", []string{"--log-level", "loud", "--log-format", "xml", "--log-file", "/dev/null/log"}, []string{
			`--log-level: "loud" is not`, `--log-format: "xml" is not`, "--log-file: ",
		}},
		{"data", []string{"--data", "/dev/null/data"}, []string{"--data: "}},
		{"everything at once", []string{"--bogus", "1", "--http", port, "--turn-udp", portUDP, "--tls-cert", "/nowhere/a", "--tls-key", "/nowhere/b", "--turn-deny-peer", "10.0.0.0/99", "--log-level", "loud", "--room-capacity", "x"}, []string{
			"unknown flag --bogus", "--http: " + port, "--turn-udp: " + portUDP, "--tls-cert, --tls-key: open /nowhere/a", "--tls-cert, --tls-key: open /nowhere/b",
			"--turn-deny-peer: ", "--log-level: ", "--room-capacity: ",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			args := append(append([]string{"--data", t.TempDir()}, allFree()...), tc.args...)
			code, stdout, stderr := runToEnd(t, noEnv, args...)
			if code != exitUsage || stdout != "" {
				t.Errorf("exit code %d, standard output %q; want %d and none", code, stdout, exitUsage)
			}
			for _, want := range tc.want {
				if !strings.Contains(stderr, "callbox: "+want) {
					t.Errorf("standard error does not say %q:\n%s", want, stderr)
				}
			}
			if lines := strings.Count(stderr, "callbox: "); lines != len(tc.want) {
				t.Errorf("%d faults told, want %d:\n%s", lines, len(tc.want), stderr)
			}
		})
	}
}

// TestStartFaultsBrokenData starts with damaged data folders.
func TestStartFaultsBrokenData(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"cert/ca.pem": "remove it and", "turn-secret": "--data: TURN secret: ", "session-secret": "--data: session secret: "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			file := filepath.Join(data, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := runToEnd(t, noEnv, append([]string{"--data", data}, allFree()...)...)
			if code != exitUsage || !strings.Contains(stderr, "--data: ") || !strings.Contains(stderr, want) {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr, exitUsage, want)
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != "x" {
				t.Errorf("the file was replaced: %q, %v", text, err)
			}
		})
	}
}

// TestStartFaultsLeaveNothingBound starts again on the ports of a start that
// failed.
func TestStartFaultsLeaveNothingBound(t *testing.T) {
	t.Parallel()
	first := start(t)
	u := strings.TrimPrefix(first.ready.HTTP, "http://")
	if code := first.stop(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	args := append(allFree(), "--http", u, "--realm=", "--data", t.TempDir())
	if code, _, stderr := runToEnd(t, noEnv, args...); code != exitUsage || strings.Contains(stderr, "in use") {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	second := start(t, "--http", u)
	if second.ready.HTTP != first.ready.HTTP {
		t.Errorf("serves at %s, want %s", second.ready.HTTP, first.ready.HTTP)
	}
}

// TestStartFaultsDataFolder starts without a place for the data folder.
func TestStartFaultsDataFolder(t *testing.T) {
	t.Parallel()
	code, _, stderr := runToEnd(t, noEnv, allFree()...)
	if code != exitUsage || !strings.Contains(stderr, "--data: there is no home folder") {
		t.Errorf("without HOME: exit code %d: %s", code, stderr)
	}
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	for name, want := range map[string]string{file: "not a directory", "/proc/callbox": "/proc/callbox", "/proc/1": "/proc/1"} {
		code, _, stderr := runToEnd(t, noEnv, append([]string{"--data", name}, allFree()...)...)
		if code != exitUsage || !strings.Contains(stderr, "--data: ") || !strings.Contains(stderr, want) {
			t.Errorf("--data %s: exit code %d: %s", name, code, stderr)
		}
	}
	data := t.TempDir()
	writeFile(t, filepath.Join(data, turnSecretFile), "")
	code, _, stderr = runToEnd(t, noEnv, append([]string{"--data", data}, allFree()...)...)
	if code != exitUsage || !strings.Contains(stderr, "has 0 bytes") {
		t.Errorf("empty secret: exit code %d: %s", code, stderr)
	}
}
