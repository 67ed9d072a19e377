package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestHSTS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := writeCertificate(t, dir+"/c", dir+"/k", "call.local")
	pair, err := tls.LoadX509KeyPair(dir+"/c", dir+"/k")
	if err != nil {
		t.Fatal(err)
	}
	certificate := func() *tls.Certificate { return &pair }
	over := &tls.ConnectionState{}
	const on = "max-age=2592000"
	for _, tc := range []struct {
		name string
		rule *hsts
		host string
		tls  *tls.ConnectionState
		want string
	}{
		{"trusted", &hsts{certificate: certificate, roots: roots}, "call.local", over, on},
		{"with a port", &hsts{certificate: certificate, roots: roots}, "Call.Local.:8443", over, on},
		{"over plain HTTP", &hsts{certificate: certificate, roots: roots}, "call.local", nil, ""},
		{"another name", &hsts{certificate: certificate, roots: roots}, "evil.example", over, ""},
		{"an address", &hsts{certificate: certificate, roots: roots}, "127.0.0.1:8443", over, ""},
		{"not trusted", &hsts{certificate: certificate, roots: x509.NewCertPool()}, "call.local", over, ""},
		{"not by the system", &hsts{certificate: certificate}, "call.local", over, ""},
		{"local authority", &hsts{}, "localhost", over, ""},
		{"off", &hsts{off: true, certificate: certificate, roots: roots}, "call.local", over, "max-age=0"},
		{"off, over plain HTTP", &hsts{off: true}, "call.local", nil, ""},
	} {
		if got := tc.rule.value(&http.Request{Host: tc.host, TLS: tc.tls}); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	rule := &hsts{roots: roots}
	if now := time.Now(); !rule.trusts(&pair, now) || rule.trusts(&pair, now.AddDate(3, 0, 0)) {
		t.Error("a certificate is not verified again when its time is over")
	}
}

// TestHSTSOfSystemRoots checks that the roots of the system are used.
func TestHSTSOfSystemRoots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := writeCertificate(t, dir+"/c", dir+"/k", "call.local")
	for _, tc := range []struct{ trusted, flag, want string }{
		{dir + "/c.ca", "on", "max-age=2592000"}, {"/dev/null", "on", ""}, {"/dev/null", "off", "max-age=0"},
	} {
		p := startProcessEnv(t, t.TempDir(), []string{"SSL_CERT_FILE=" + tc.trusted, "SSL_CERT_DIR=" + t.TempDir()},
			append(allFree(), "--tls-cert", dir+"/c", "--tls-key", dir+"/k", "--hsts", tc.flag)...)
		conn, err := tls.Dial("tcp", strings.TrimPrefix(p.ready.HTTPS, "https://"), &tls.Config{RootCAs: roots, ServerName: "call.local", MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: call.local\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("Strict-Transport-Security"); got != tc.want {
			t.Errorf("--hsts %s, trusting %s: %q, want %q", tc.flag, tc.trusted, got, tc.want)
		}
		_ = conn.Close()
	}
}

// startProcessEnv is startProcess with additional environment variables.
func startProcessEnv(t *testing.T, data string, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, withData(data, args)...)
	cmd.Env = append(os.Environ(), env...)
	return startCommand(t, data, cmd)
}
