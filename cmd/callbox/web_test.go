package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbox/internal/budget"
)

// fewerDescriptors are enough for a server, and quickly used up.
const fewerDescriptors = 200

// startWithDescriptors runs the program with a limit of file descriptors.
func startWithDescriptors(t *testing.T, n int, args ...string) *process {
	t.Helper()
	data := t.TempDir()
	script := "ulimit -n " + strconv.Itoa(n) + ` && exec "$0" "$@"`
	args = withData(data, append(allFree(), args...))
	return startCommand(t, data, exec.Command("sh", append([]string{"-c", script, binary}, args...)...))
}

// occupy opens connections from an address, sends request on each unless it is empty, and
// leaves them open.
func occupy(t *testing.T, from, endpoint string, n int, request string) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	scheme, address, _ := strings.Cut(endpoint, "://")
	for range n {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if scheme == "https" && request != "" {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		_, _ = conn.Write([]byte(request)) // it may be refused
	}
}

// Whatever strangers do with connections to the web listeners, everyone else is served.
func TestDescriptorsAreNotTaken(t *testing.T) {
	t.Parallel()
	p := startWithDescriptors(t, fewerDescriptors, "--turn-allow-peer", "127.0.0.0/8")
	if !strings.Contains(p.stderr.String(), "LimitNOFILE") {
		t.Errorf("nothing is said of few descriptors:\n%s", p.stderr)
	}
	served := func(what string) {
		t.Helper()
		begun := time.Now()
		room := strings.ReplaceAll(what, " ", "-")
		joined := p.join(t, p.ready.HTTP, room)
		p.join(t, p.ready.HTTPS, room)
		p.allocate(t, "udp", strings.TrimPrefix(p.ready.TURN[0], "udp://"), joined.ICEServers[1])
		p.allocate(t, "tcp", strings.TrimPrefix(p.ready.TURN[1], "tcp://"), joined.ICEServers[1])
		p.allocate(t, "tcp", strings.TrimPrefix(p.ready.TURN[1], "tcp://"), joined.ICEServers[1])
		if got := p.get(t, p.ready.Admin+"/healthz"); got.status != http.StatusOK {
			t.Errorf("%s: /healthz says %d", what, got.status)
		}
		if got := p.get(t, p.ready.HTTPS+"/"); got.status != http.StatusOK {
			t.Errorf("%s: the page has status %d", what, got.status)
		}
		t.Logf("%s: all was served after %v", what, time.Since(begun).Round(time.Millisecond))
	}
	served("before")
	const page = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, attack := range []struct{ what, endpoint, request string }{
		{"keep-alive connections", p.ready.HTTP, page},
		{"requests that do not end", p.ready.HTTP, "POST /api/v1/frames HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"},
		{"headers that do not end", p.ready.HTTPS, "GET / HTTP/1.1\r\nHost: "},
		{"silence on the shared port", p.ready.HTTPS, ""},
		{"silence at TURN", p.ready.TURN[1], ""},
		{"half a handshake at TURN", p.ready.TURN[2], "\x16\x03\x01\x02"},
	} {
		for i := range 3 {
			occupy(t, "127.0.0."+strconv.Itoa(2+i), attack.endpoint, fewerDescriptors/3, attack.request)
		}
		served(attack.what)
		p.client.CloseIdleConnections() // each begins anew
	}
	metrics := p.get(t, p.ready.Admin+"/metrics").body
	if strings.Contains(metrics, "\ncallbox_http_connections_displaced_total 0\n") {
		t.Error("nobody gave way")
	}
}

func TestShareDescriptors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		descriptors int
		web, turn   bool
		maxRelays   int
		want        descriptorShares
	}{
		{1024, true, true, 10_000, descriptorShares{web: 512, webSockets: 448, turnTCP: 128, relays: 256}},
		{1024, false, true, 0, descriptorShares{turnTCP: 256, relays: 640}},
		{65_536, false, true, 10_000, descriptorShares{turnTCP: 19_964, relays: 10_000}},
		{1024, true, true, 100, descriptorShares{web: 668, webSockets: 604, turnTCP: 128, relays: 100}},
		{20_000, true, true, 16, descriptorShares{web: 19_696, webSockets: 19_632, turnTCP: 32, relays: 16}},
		{20_000, true, false, 10_000, descriptorShares{web: 19_744, webSockets: 19_680}},
		{64, true, true, 10_000, descriptorShares{web: 8, webSockets: 7, turnTCP: 8, relays: 16}},
		{0, true, true, 10_000, descriptorShares{}},
		{1, true, true, 10_000, descriptorShares{web: 1, webSockets: 1, turnTCP: 1, relays: 1}},
	} {
		if got := shareDescriptors(tc.descriptors, 2, tc.web, tc.turn, tc.maxRelays); got != tc.want {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
}

// The requests of one client are counted over all its connections, by the address that a
// trusted proxy names, until their responses have been received.
func TestRequestsOfAnAddress(t *testing.T) {
	t.Parallel()
	var proxies trustedProxies
	if err := proxies.set([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}); err != nil {
		t.Fatal(err)
	}
	memory := budget.New(17 * 300 << 10) // 300 KiB for one address alone
	requests := newRequests(2, memory, proxies.clientAddr)
	served := 0
	handler := requests.limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	ask := func(ctx context.Context, client, field, body string) *httptest.ResponseRecorder {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "127.0.0.1:1000"
		r.Header = http.Header{forwardedFor: {client}, "X-Pad": {field}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	first, answered := context.WithCancel(t.Context())
	ask(first, "192.0.2.1", "", "")
	ask(first, "192.0.2.1", "", "")
	if got := ask(first, "192.0.2.1", "", ""); got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" {
		t.Errorf("the third request at a time: %d", got.Code)
	}
	if got := ask(first, "192.0.2.2", "", ""); got.Code != http.StatusOK {
		t.Errorf("another client's first: %d", got.Code)
	}
	answered()
	eventually(t, func() error {
		if s := memory.Snapshot(); s.Used != 0 {
			return fmt.Errorf("%d bytes are left of answered requests", s.Used)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if got := ask(ctx, "192.0.2.1", strings.Repeat("x", 150<<10), "body"); got.Code != http.StatusOK {
		t.Errorf("a large request: %d", got.Code)
	}
	if got := ask(ctx, "192.0.2.1", "", "body"); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("a request without memory for it: %d", got.Code)
	}
	if served != 4 {
		t.Errorf("%d requests were served, want 4", served)
	}
}

// The connection of an event stream carries a call and is not displaced.
func TestEventStreamsStay(t *testing.T) {
	t.Parallel()
	r := start(t)
	var session struct{ Session string }
	made := r.do(t, newRequest(t, http.MethodPost, r.ready.HTTP+"/api/v1/sessions", "", ""))
	if err := json.Unmarshal([]byte(made.body), &session); err != nil {
		t.Fatal(err)
	}
	response, err := r.client.Do(newRequest(t, http.MethodGet, r.ready.HTTP+"/api/v1/events", session.Session, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	r.wantMetric(t, `callbox_http_connections{state="call"} 1`)
}

// The HTTP/2 settings that the server sends limit what a connection can pin.
func TestSettingsOfHTTP2(t *testing.T) {
	t.Parallel()
	r := start(t)
	conn := r.dialTLS(t, "h2")
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	header := make([]byte, 9)
	reader := bufio.NewReader(conn)
	read := func(p []byte) {
		t.Helper()
		if _, err := io.ReadFull(reader, p); err != nil {
			t.Fatal(err)
		}
	}
	read(header)
	payload := make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2]))
	read(payload)
	got := map[int]int{}
	for setting := range slices.Chunk(payload, 6) {
		got[int(setting[0])<<8|int(setting[1])] = int(setting[2])<<24 | int(setting[3])<<16 | int(setting[4])<<8 | int(setting[5])
	}
	const concurrentStreams, initialWindow, frameSize = 3, 4, 5
	if header[3] != 4 || got[concurrentStreams] != 16 || got[initialWindow] != 32<<10 || got[frameSize] != 16<<10 {
		t.Errorf("frame of type %d with %v", header[3], got)
	}
}
