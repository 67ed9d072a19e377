package e2e

import (
	"context"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbox/cert"
	"callbox/e2e/need"
)

// TestOnly443 makes calls through a firewall that lets clients connect only to port
// 443, as in many offices.
func TestOnly443(t *testing.T) {
	checkNoRoute(t)
	sharedServer(t) // makes the certificate authority
	certificate := certificateWithName(t)
	for _, c := range []struct {
		name, rule, transport string
		query                 url.Values
	}{
		// The query restricts nothing: pages have to find the only path that works.
		{"tcp", "tcp dport 443 accept", "tls", nil},
		{"tcp and udp", "meta l4proto { tcp, udp } th dport 443 accept", "udp", url.Values{"ice": {"relay"}, "turn": {"udp"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, "--https", ":443", "--turn-udp", ":3478,:443", "--turn-tcp", "", "--turn-tls", "",
				"--tls-cert", certificate, "--tls-key", certificate)
			defer func() {
				if err := s.stop(); err != nil {
					t.Error(err)
				}
			}()
			s.url = "https://" + serverName
			allowOnly(t, c.rule)
			for _, pair := range [][2]side{
				{{"firefox", "a"}, {"chromium", "b"}},
				{{"chromium", "b"}, {"firefox", "a"}},
			} {
				t.Run(pair[0].kind+"-"+pair[1].kind, func(t *testing.T) {
					makeCall(t, s, call{room: "only-443", transport: c.transport, query: c.query, pair: pair})
				})
			}
		})
	}
}

// certificateWithName returns a file with a certificate for serverName alone, and its
// key, signed by the authority that the browsers trust. Firefox accepts TURN over TLS
// only from a server that has a name.
func certificateWithName(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	authority, err := os.ReadFile(filepath.Join(shared.dir, "data", "cert", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), authority, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cert.LoadOrCreateLocal(dir, func() []string { return []string{serverName} }, nil); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "leaf.pem")
}

// allowOnly makes the server's firewall drop everything that clients send, except for
// what the rule accepts, until the test ends.
func allowOnly(t *testing.T, rule string) {
	t.Helper()
	need.Program(t, "nft")
	lab := sharedLab(t)
	nft := func(ctx context.Context, commands string) {
		t.Helper()
		command := exec.CommandContext(ctx, "ip", "netns", "exec", lab.Server.Name, "nft", "-f", "-")
		command.Stdin = strings.NewReader(commands)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v\n%s", err, out)
		}
	}
	nft(t.Context(), `table inet office {
	chain input {
		type filter hook input priority 0
		iifname { "to-a", "to-b" } ct state established accept
		iifname { "to-a", "to-b" } `+rule+`
		iifname { "to-a", "to-b" } drop
	}
}`)
	t.Cleanup(func() { nft(context.Background(), "delete table inet office") })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := lab.A.DialContext(ctx, "tcp4", netip.AddrPortFrom(lab.ServerAddr, 3478).String()); err == nil {
		_ = conn.Close()
		t.Fatal("port 3478 can be reached")
	}
}
