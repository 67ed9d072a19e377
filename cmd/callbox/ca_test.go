package main

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCA requests the certificate of the local authority in every way in which it could
// be replaced in transit, and in those in which it cannot.
func TestCA(t *testing.T) {
	t.Parallel()
	r := start(t, "--http", "0.0.0.0:0", "--https", "0.0.0.0:0")
	text, err := os.ReadFile(filepath.Join(r.data, "cert", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	sum := fmt.Sprintf("%X", sha256.Sum256(block.Bytes))
	if got := strings.ReplaceAll(r.ready.CA, ":", ""); got != sum || strings.Count(r.ready.CA, ":") != 31 {
		t.Errorf("ready line tells the fingerprint %s, want %s", r.ready.CA, sum)
	}
	for _, base := range []string{r.ready.HTTP, r.ready.HTTPS} {
		if got := r.get(t, base+"/ca.crt"); got.body != string(text) || got.header.Get("Content-Type") != "application/x-x509-ca-cert" {
			t.Errorf("GET %s/ca.crt: %d, %v", base, got.status, got.header)
		}
		page := r.get(t, base+"/ca")
		if page.status != http.StatusOK || !strings.Contains(strings.ReplaceAll(page.body, "<wbr>", ""), r.ready.CA) || !strings.Contains(page.body, `href="ca.crt"`) {
			t.Errorf("GET %s/ca: %d, %s", base, page.status, page.body)
		}
	}
	for _, fields := range []string{
		"Host: 192.0.2.1", "Host: call.example.org", "Host: 0.0.0.0", "Host: localhost.evil.example",
		"Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1", "Host: 127.0.0.1\r\nX-Forwarded-Proto: https", "Host: 127.0.0.1\r\nVia: 1.1 proxy",
		"Host: localhost\r\nForwarded: for=192.0.2.1", "Host: localhost\r\nX-Real-IP: 192.0.2.1",
	} {
		for _, path := range []string{"/ca", "/ca.crt"} {
			got := r.sendRaw(t, r.ready.HTTP, "GET "+path+" HTTP/1.1\r\n"+fields+"\r\nConnection: close\r\n\r\n", 0)
			if got.status != http.StatusForbidden || strings.Contains(got.body, "BEGIN CERTIFICATE") || !strings.Contains(got.body, r.ready.HTTPS+"/ca") ||
				strings.Contains(strings.ReplaceAll(got.body, "<wbr>", ""), r.ready.CA) {
				t.Errorf("GET %s with %q over plain HTTP: %d, %s", path, fields, got.status, got.body)
			}
		}
	}
	if got := r.sendRaw(t, r.ready.HTTP, "GET /ca.crt HTTP/1.0\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n", 0); got.status != http.StatusForbidden {
		t.Errorf("as nginx asks by itself: %d, want 403", got.status)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.ready.HTTP, "http://"))
	for _, addr := range otherAddresses(t) {
		base := "http://" + net.JoinHostPort(addr, port)
		if got := r.get(t, base+"/ca.crt"); got.status != http.StatusForbidden {
			t.Errorf("GET %s/ca.crt: %d, want 403", base, got.status)
		}
	}
}

// otherAddresses returns the machine's IPv4 addresses that are not loopback.
func otherAddresses(t *testing.T) []string {
	t.Helper()
	machine, err := thisMachine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var others []string
	for _, addr := range machine.addrs {
		if addr.Is4() && !addr.IsLoopback() {
			others = append(others, addr.String())
		}
	}
	return others
}

// TestNosniff checks every kind of answer of every listener.
func TestNosniff(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, base := range []string{r.ready.HTTP, r.ready.HTTPS, r.ready.Admin} {
		for _, line := range []string{
			"GET /", "HEAD /", "POST /", "GET /r/a", "GET /ca", "GET /ca.crt", "POST /ca.crt", "GET /ws", "POST /ws", "GET /nothing", "OPTIONS *",
			"GET /api/v1/rooms", "POST /api/v1/rooms", "POST /api/v1/sessions", "GET /api/v1/events", "GET /api/", "GET /assets/x", "PROPFIND /",
			"GET /metrics", "GET /healthz", "GET /readyz", "GET /rooms", "GET /relays", "DELETE /peers/x", "GET /debug/pprof/", "GET /debug/pprof/x", "GET //x",
		} {
			got := r.sendRaw(t, base, line+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0)
			if values := got.header.Values("X-Content-Type-Options"); len(values) != 1 || values[0] != "nosniff" {
				t.Errorf("%s at %s: %d, X-Content-Type-Options %q", line, base, got.status, values)
			}
		}
	}
	text := "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n" + upgradeFields + "\r\n"
	if got := r.sendRaw(t, r.ready.HTTP, text, 0); got.status != http.StatusForbidden || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a foreign origin: %d, %v", got.status, got.header)
	}
}
