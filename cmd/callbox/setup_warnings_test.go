package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"callbox/signaling/client"
)

// TestProxyWithoutHost imitates nginx with nothing but proxy_pass: HTTP/1.0, and the
// server's own address as the host. The page is served, but its calls are refused; page
// and log say why.
func TestProxyWithoutHost(t *testing.T) {
	t.Parallel()
	r := start(t)
	_, host, _ := strings.Cut(r.ready.HTTP, "://")
	fields := "Host: " + host + "\r\nConnection: close\r\nContent-Length: 0\r\nOrigin: https://call.example.org\r\nSec-Fetch-Site: same-origin\r\n\r\n"
	if got := r.sendRaw(t, r.ready.HTTP, "GET / HTTP/1.0\r\n"+fields, 0); got.status != http.StatusOK {
		t.Errorf("the page: %d", got.status)
	}
	for _, line := range []string{"POST /api/v1/rooms", "POST /api/v1/sessions", "GET /ws", "POST /api/v1/frames"} {
		got := r.sendRaw(t, r.ready.HTTP, line+" HTTP/1.0\r\n"+fields, 0)
		var body struct{ Code, Message string }
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if got.status != http.StatusForbidden || body.Code != "forbidden_origin" || !strings.Contains(body.Message, "https://call.example.org") ||
			!strings.Contains(body.Message, host) || !strings.Contains(body.Message, "Host header") {
			t.Errorf("%s: %d, %s", line, got.status, got.body)
		}
	}
	log := r.stderr.String()
	if n := strings.Count(log, "level=WARN msg=\"a page was refused"); n != 1 {
		t.Errorf("%d warnings, want one a minute:\n%s", n, log)
	}
	for _, want := range []string{"origin=https://call.example.org", "host=" + host, "--allow-origin https://call.example.org", "docs/operating.md"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// TestUntrustedProxy sends each of the headers that reveal a proxy.
func TestUntrustedProxy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		header, trust, want string // want is said once; "" = nothing
	}{
		{"X-Forwarded-For", "192.0.2.1", "--trusted-proxy"},
		{"X-Forwarded-Proto", "192.0.2.1", "--trusted-proxy"},
		{"X-Forwarded-Host", "192.0.2.1", "--trusted-proxy"},
		{"Forwarded", "192.0.2.1", "have it send X-Forwarded-For, and name the proxy with --trusted-proxy"},
		{"X-Real-Ip", "192.0.2.1", "have it send X-Forwarded-For, and name the proxy with --trusted-proxy"},
		{"X-Forwarded-For", "127.0.0.1", ""},
		{"X-Forwarded-Proto", "127.0.0.1", ""},
		{"X-Real-Ip", "127.0.0.1", "header that callbox does not read"},
		{"Forwarded", "127.0.0.1", "header that callbox does not read"},
		{"X-Custom", "192.0.2.1", ""},
	} {
		r := start(t, "--trusted-proxy", tc.trust, "--public-ip", "127.0.0.1", "--https=")
		for range 2 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ready.HTTP+"/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(tc.header, "198.51.100.7")
			r.do(t, request)
			conn := dialSocket(t, r.ready.HTTP, http.Header{tc.header: {"198.51.100.7"}})
			_ = conn.Close()
		}
		log := r.stderr.String()
		if n := strings.Count(log, "header="+tc.header); (tc.want == "") == (n == 1) || !strings.Contains(log, tc.want) {
			t.Errorf("%s, trusting %s: named %d times, want %q once:\n%s", tc.header, tc.trust, n, tc.want, log)
		}
		r.stop()
	}
}

// TestBehindProxy signals a call through proxies configured as in the documentation, over
// WebSocket and, where a proxy passes no upgrade on, over an event stream.
func TestBehindProxy(t *testing.T) {
	t.Parallel()
	r := start(t, "--host", "call.example.org", "--base-path", "/call/", "--trusted-proxy", "127.0.0.1")
	target, err := url.Parse(strings.TrimSuffix(r.ready.HTTP, "/call"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		strip     string
		websocket bool
	}{{"", true}, {"/call", true}, {"", false}, {"/call", false}} {
		proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(target)
			pr.SetXForwarded()
			pr.Out.Host = pr.In.Host
		}}
		web := httptest.NewServer(http.StripPrefix(tc.strip, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !tc.websocket { // as HTTP/1.0 passes it on
				r.Header.Del("Upgrade")
				r.Header.Del("Connection")
			}
			r.Host = "call.example.org"
			proxy.ServeHTTP(w, r)
		})))
		c, err := client.Dial(t.Context(), client.Config{URL: web.URL + "/call/", Header: http.Header{"Origin": {"https://call.example.org"}}})
		if err != nil {
			t.Fatalf("%+v: %v", tc, err)
		}
		if err := c.Ping(t.Context()); err != nil {
			t.Errorf("%+v: %v", tc, err)
		}
		_ = c.Close() // the server's end is looked at
		if tc.websocket {
			header := http.Header{"Origin": {"https://evil.example"}}
			_, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+web.URL[4:]+"/call/ws", header)
			if err == nil || response.StatusCode != http.StatusForbidden {
				t.Errorf("%+v: a foreign page gets %v, %v", tc, response, err)
			}
			_ = response.Body.Close()
		}
		web.Close()
	}
}
