package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sendRaw writes text to the server at base, in one or two segments, and
// returns the answer.
func (r *running) sendRaw(t *testing.T, base, text string, cut int) answer {
	t.Helper()
	scheme, address, _ := strings.Cut(base, "://")
	conn, err := net.Dial("tcp", address)
	if err == nil && scheme == "https" {
		config := r.tls()
		config.ServerName = "127.0.0.1"
		conn = tls.Client(conn, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{text[:cut], text[cut:]} {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
	}
	method, _, _ := strings.Cut(text, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.80q: %v", text, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return answer{status: response.StatusCode, header: response.Header}
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.ProtoMajor, response.Header, string(body)}
}

const upgradeFields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func TestHostOnLoopback(t *testing.T) {
	t.Parallel()
	r := start(t, "--host", "Call.Example.ORG.", "--host", "bücher.example")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.ready.HTTP, "http://"))
	for host, answered := range map[string]bool{
		"localhost": true, "localhost:" + port: true, "LocalHost": true, "localhost.": true, "localhost.:" + port: true,
		"127.0.0.1": true, "127.0.0.1:" + port: true, "[::1]": true, "[::1]:" + port: true, "[::ffff:127.0.0.1]:" + port: true,
		"192.0.2.7": true, "call.example.org": true, "CALL.example.org.:443": true, "xn--bcher-kva.example": true,
		"evil.example": false, "evil.example:" + port: false, "evil.example.": false, "EVIL.EXAMPLE": false,
		"localhost.evil.example": false, "127.0.0.1.evil.example": false, "call.example.org.evil.example": false, "x.call.example.org": false,
		"evil.localhost": false, "127.1": false, "2130706433": false, "0x7f.0.0.1": false, "": false,
		"evil.example:127.0.0.1": false, "call.example.org,evil.example": false,
	} {
		want := http.StatusMisdirectedRequest
		if answered {
			want = http.StatusOK
		}
		for _, base := range []string{r.ready.HTTP, r.ready.HTTPS} {
			text := "GET /r/a HTTP/1.1\r\nHost: " + host + "\r\nX-Forwarded-Host: call.example.org\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n"
			if got := r.sendRaw(t, base, text, 0); got.status != want {
				t.Errorf("Host %q at %s: %d, want %d", host, base, got.status, want)
			}
		}
		if answered {
			want = http.StatusSwitchingProtocols
		}
		text := "GET /ws HTTP/1.1\r\nHost: " + host + "\r\n" + upgradeFields + "\r\n"
		for _, cut := range []int{0, 20} {
			if got := r.sendRaw(t, r.ready.HTTP, text, cut); got.status != want {
				t.Errorf("WebSocket, Host %q, cut at %d: %d, want %d", host, cut, got.status, want)
			}
		}
	}
}

// TestHostRefusal checks the answer on every kind of route.
func TestHostRefusal(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, path := range []string{"/", "/r/a", "/ca", "/ca.crt", "/nothing", "/assets/x", "/ws", "/api/v1/rooms", "/api/v1/events", "*"} {
		method := "GET"
		if path == "*" {
			method = "OPTIONS"
		}
		for _, target := range []string{path, "http://evil.example" + path} {
			if target == "http://evil.example*" {
				continue
			}
			got := r.sendRaw(t, r.ready.HTTP, method+" "+target+" HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n", 0)
			kind := "text/html; charset=utf-8"
			if strings.HasPrefix(path, "/ws") || strings.HasPrefix(path, "/api") {
				kind = "application/json"
			}
			if got.status != http.StatusMisdirectedRequest || !strings.Contains(got.body, "--host evil.example") ||
				got.header.Get("Content-Type") != kind || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %d, %v, %s", method, target, got.status, got.header, got.body)
			}
		}
	}
	got := r.sendRaw(t, r.ready.HTTP, "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 0)
	if got.status != http.StatusMisdirectedRequest {
		t.Errorf("absolute form with another Host: %d", got.status)
	}
	got = r.sendRaw(t, r.ready.HTTP, "GET / HTTP/1.0\r\n\r\n", 0)
	if got.status != http.StatusOK {
		t.Errorf("HTTP/1.0 without Host: %d, want 200", got.status)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ready.HTTPS+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	if got := r.do(t, request); got.status != http.StatusMisdirectedRequest || got.proto != 2 {
		t.Errorf(":authority evil.example: %d over HTTP/%d", got.status, got.proto)
	}
	if n := strings.Count(r.stderr.String(), "refused because of its host name"); n != 1 || !strings.Contains(r.stderr.String(), "--host evil.example") {
		t.Errorf("%d warnings, want one that names the flag:\n%s", n, r.stderr)
	}
	long := r.sendRaw(t, r.ready.HTTP, "GET / HTTP/1.1\r\nHost: "+strings.Repeat("a", 2000)+"\r\nConnection: close\r\n\r\n", 0)
	if long.status != http.StatusMisdirectedRequest || len(long.body) > 4000 {
		t.Errorf("a long name: %d, %d bytes", long.status, len(long.body))
	}
}

// TestHostElsewhere checks that host names are restricted only on loopback, and that
// over TLS those in the certificate are accepted.
func TestHostElsewhere(t *testing.T) {
	t.Parallel()
	ask := func(r *running, base, host string) int {
		return r.sendRaw(t, base, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n", 0).status
	}
	r := start(t, "--http", "0.0.0.0:0")
	if got := ask(r, r.ready.HTTP, "call.example.org"); got != http.StatusOK {
		t.Errorf("on every address: %d, want 200", got)
	}
	dir := t.TempDir()
	roots := writeCertificate(t, dir+"/c", dir+"/k", "call.local")
	r = start(t, "--tls-cert", dir+"/c", "--tls-key", dir+"/k")
	_, address, _ := strings.Cut(r.ready.HTTPS, "://")
	for host, want := range map[string]int{"call.local": 200, "CALL.local.:443": 200, "evil.example": 421, "x.call.local": 421} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "call.local", MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("Host %s over TLS: %d, want %d", host, response.StatusCode, want)
		}
		_ = conn.Close()
	}
	if got := ask(r, r.ready.HTTP, "call.local"); got != http.StatusMisdirectedRequest {
		t.Errorf("a name of the certificate over plain HTTP: %d, want 421", got)
	}
}

func TestParseHosts(t *testing.T) {
	t.Parallel()
	var wrong faults
	got := parseHosts([]string{"call.example.org", "Call.Example.ORG.", "my_host", "bücher.example"}, &wrong)
	if want := []string{"call.example.org", "call.example.org", "my_host", "xn--bcher-kva.example"}; !slices.Equal(got, want) || len(wrong) != 0 {
		t.Errorf("%q, %v; want %q", got, wrong, want)
	}
	for _, text := range []string{"", ".", "https://call.example.org", "call.example.org:443", "*.example.org", "a b", "a..b", ".a", "u@a", "a/b", "a\nb"} {
		wrong = nil
		if parseHosts([]string{text}, &wrong); len(wrong) != 1 || !strings.HasPrefix(wrong[0].Error(), "--host: ") {
			t.Errorf("--host %q: %v, want one fault", text, wrong)
		}
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n warnLimit
		given := 0
		for range 150 {
			if n.allow(time.Now()) {
				given++
			}
			time.Sleep(time.Second) //nolint:forbidigo // of the bubble's clock
		}
		if given != 3 {
			t.Errorf("%d warnings in 150 s, want 3", given)
		}
	})
}
