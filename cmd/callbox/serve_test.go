package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/turn/v4"

	"callbox/internal/netaddr"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// join joins a room and returns the server's reply.
func (r *running) join(t *testing.T, base, room string) protocol.Joined {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Config{NoReconnect: true, URL: base, TLS: r.tls(), Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server's end is looked at
	joined, err := c.Join(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return joined
}

func TestServePage(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, address := range []string{r.ready.HTTP + "/", r.ready.HTTP + "/r/quiet-river", r.ready.HTTPS + "/", r.ready.HTTPS + "/r/%E6%B2%B3"} {
		got := r.get(t, address)
		if got.status != http.StatusOK || !strings.Contains(got.body, "<!doctype html>") {
			t.Errorf("GET %s: %d, %.60q", address, got.status, got.body)
		}
		if got := got.header.Get("Strict-Transport-Security"); got != "" {
			t.Errorf("GET %s: Strict-Transport-Security %q, which a local authority cannot promise", address, got)
		}
	}
	if got := r.get(t, r.ready.HTTPS+"/"); got.proto != 2 {
		t.Errorf("HTTPS speaks HTTP/%d, want HTTP/2", got.proto)
	}
	for address, want := range map[string]int{r.ready.HTTP + "/nothing/here": 404, r.ready.HTTP + "/api/v1/nothing": 404, r.ready.HTTP + "/ws": 400} {
		if got := r.get(t, address); got.status != want {
			t.Errorf("GET %s: %d, want %d", address, got.status, want)
		}
	}
	ca := r.get(t, r.ready.HTTP+"/ca.crt")
	if text, err := os.ReadFile(filepath.Join(r.data, "cert", "ca.crt")); err != nil || ca.body != string(text) {
		t.Errorf("GET /ca.crt is not the authority's file: %v", err)
	}
	if got := ca.header.Get("Content-Type"); got != "application/x-x509-ca-cert" {
		t.Errorf("GET /ca.crt: Content-Type %q", got)
	}
	if strings.Contains(ca.body, "KEY") {
		t.Error("GET /ca.crt gives the key away")
	}
	old := &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(r.ready.HTTPS, "https://"), old); err == nil {
		_ = conn.Close() // it should not be there
		t.Error("TLS 1.1 is served")
	}
}

func TestServeICEServers(t *testing.T) {
	t.Parallel()
	r := start(t)
	endpoints := map[string]string{}
	for _, endpoint := range r.ready.TURN {
		scheme, address, _ := strings.Cut(endpoint, "://")
		endpoints[scheme] = address
	}
	joined := r.join(t, r.ready.HTTPS, "quiet-river")
	want := [][]string{{"stun:" + endpoints["udp"]}, {
		"turn:" + endpoints["udp"] + "?transport=udp",
		"turn:" + endpoints["tcp"] + "?transport=tcp",
		"turns:" + endpoints["tls"] + "?transport=tcp",
	}}
	if len(joined.ICEServers) != 2 || !slices.Equal(joined.ICEServers[0].URLs, want[0]) || !slices.Equal(joined.ICEServers[1].URLs, want[1]) {
		t.Fatalf("iceServers = %+v, want %q", joined.ICEServers, want)
	}
	if joined.ICEServers[0].Username != "" || !strings.HasSuffix(joined.ICEServers[1].Username, ":"+joined.Peer) {
		t.Errorf("usernames %q and %q, want none and one of %s", joined.ICEServers[0].Username, joined.ICEServers[1].Username, joined.Peer)
	}
	if joined.ICETTL != protocol.SecondsOf(10*time.Minute) {
		t.Errorf("iceTTL = %v, want 600", joined.ICETTL)
	}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			relayed := r.allocate(t, transport, endpoints[transport], joined.ICEServers[1])
			found := false
			for _, relay := range r.relays(t, "") {
				if relay.Client != nil {
					t.Error("GET /relays tells a client's address unasked")
				}
				found = found || relay.Relayed == relayed && relay.User == joined.Peer && string(relay.Protocol) == transport
			}
			if !found {
				t.Errorf("GET /relays has no %s by %s", relayed, transport)
			}
			if relays := r.relays(t, "?clients=1"); relays[0].Client == nil || !relays[0].Client.IsValid() {
				t.Error("GET /relays?clients=1 tells no client's address")
			}
		})
	}
}

func (r *running) relays(t *testing.T, query string) []relay {
	t.Helper()
	body := r.get(t, r.ready.Admin+"/relays"+query).body
	var relays []relay
	if err := json.Unmarshal([]byte(body), &relays); err != nil {
		t.Fatalf("GET /relays: %s: %v", body, err)
	}
	return relays
}

// allocate creates a relay as a browser would, verifies the certificate, and keeps the
// relay until the test ends.
func (r *running) allocate(t *testing.T, transport, address string, server protocol.ICEServer) netip.AddrPort {
	t.Helper()
	relayed, err := r.newTURNClient(t, transport, address, server).Allocate()
	if err != nil {
		t.Fatalf("allocate by %s: %v", transport, err)
	}
	t.Cleanup(func() { _ = relayed.Close() }) // the server may have ended before
	return netaddr.AddrPort(relayed.LocalAddr())
}

// tryAllocate creates a relay over TCP and deletes it.
func (r *running) tryAllocate(t *testing.T, address string, server protocol.ICEServer) error {
	t.Helper()
	relayed, err := r.newTURNClient(t, "tcp", address, server).Allocate()
	if err != nil {
		return err
	}
	return relayed.Close()
}

func (r *running) newTURNClient(t *testing.T, transport, address string, server protocol.ICEServer) *turn.Client {
	t.Helper()
	conn := r.dialTURN(t, transport, address)
	t.Cleanup(func() { conn.Close() })
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: address, TURNServerAddr: address, Conn: conn,
		Username: server.Username, Password: server.Credential, RTO: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *running) dialTURN(t *testing.T, transport, address string) net.PacketConn {
	t.Helper()
	if transport == "udp" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if transport == "tls" {
		config := r.tls()
		config.ServerName, _, _ = net.SplitHostPort(address)
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn = secured
	}
	return turn.NewSTUNConn(conn)
}

func TestServeAdmin(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.join(t, r.ready.HTTP, "quiet-river")
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n", "/relays": "[]\n"} {
		if got := r.get(t, r.ready.Admin+path); got.status != http.StatusOK || got.body != want {
			t.Errorf("GET %s: %d, %q, want %q", path, got.status, got.body, want)
		}
	}
	metrics := r.get(t, r.ready.Admin+"/metrics").body
	for _, want := range []string{
		"\ncallbox_signaling_rooms 1\n", "\ncallbox_signaling_peers{state=\"connected\"} 1\n", "\ncallbox_signaling_peers{state=\"away\"} 0\n",
		"\ncallbox_signaling_joins_total{result=\"joined\"} 1\n", "\ncallbox_signaling_connections{transport=\"websocket\"} 1\n",
		"\ncallbox_signaling_relay_seconds_count 0\n", "\ncallbox_signaling_relay_seconds_bucket{le=\"+Inf\"} 0\n",
		"\ncallbox_turn_allocations 0\n", "\ncallbox_turn_to_peers_bytes_total{path=\"channel\"} 0\n", "\ncallbox_certificate_not_after_seconds 1",
		"callbox_build_info{version=\"", "\ngo_goroutines ", "\nprocess_open_fds ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("GET /metrics has no %q", want)
		}
	}
	for path, want := range map[string]int{"/": 404, "/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/cmdline": 404, "/debug/vars": 404} {
		if got := r.get(t, r.ready.Admin+path); got.status != want {
			t.Errorf("GET %s: %d, want %d", path, got.status, want)
		}
	}
	for host, want := range map[string]int{"localhost:9090": 200, "evil.example:9090": 403} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ready.Admin+"/relays", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		if got := r.do(t, request); got.status != want {
			t.Errorf("GET /relays at host %s: %d, want %d", host, got.status, want)
		}
	}
	if got := r.get(t, r.ready.HTTP+"/metrics"); got.status != http.StatusNotFound {
		t.Errorf("GET /metrics from the page's listener: %d, want 404", got.status)
	}
}

func TestServeOrigins(t *testing.T) {
	t.Parallel()
	r := start(t, "--allow-origin", "https://friend.example")
	for origin, want := range map[string]int{"": 101, r.ready.HTTP: 101, "https://friend.example": 101, "https://evil.example": 403, "null": 403} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(r.ready.HTTP, "http", "ws", 1)+"/ws", header)
		if err == nil {
			conn.Close()
		} else if !errors.Is(err, websocket.ErrBadHandshake) {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("WebSocket of %q: %s, want %d", origin, response.Status, want)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, r.ready.HTTP+"/api/v1/rooms", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header
		request.Header.Set("Access-Control-Request-Method", http.MethodPost)
		preflight := r.do(t, request)
		allowed := origin
		if want == 403 {
			allowed = ""
		}
		if got := preflight.header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("preflight of %q allows %q", origin, got)
		}
	}
	response, err := http.Post(r.ready.HTTP+"/api/v1/rooms", "application/json", bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Errorf("POST /api/v1/rooms: %s", response.Status)
	}
}

// TestServeSlowLoris holds connections open without ever finishing a request.
func TestServeSlowLoris(t *testing.T) {
	t.Parallel()
	r := start(t)
	var slow []net.Conn // they wait at the same time
	for _, base := range []string{r.ready.HTTP, r.ready.HTTPS, r.ready.Admin} {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		slow = append(slow, conn)
		if u.Scheme == "http" {
			if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-A: ")); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.get(t, base+"/"); got.status >= 500 {
			t.Errorf("others get %d", got.status)
		}
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the connection to %s is still open", conn.RemoteAddr())
		}
	}
}

func TestServeWithoutTURN(t *testing.T) {
	t.Parallel()
	r := start(t, "--turn-udp=", "--turn-tcp", "", "--turn-tls=", "--https=", "--admin=", "--session-secret", strings.Repeat("s", 32))
	if got := fmt.Sprint(r.ready); got != fmt.Sprint(ready{Ready: true, HTTP: r.ready.HTTP, TURN: []string{}}) {
		t.Errorf("ready line %s, want http alone", got)
	}
	if joined := r.join(t, r.ready.HTTP, "room"); len(joined.ICEServers) != 0 {
		t.Errorf("iceServers = %+v, want none", joined.ICEServers)
	}
	if _, err := os.Stat(r.data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a data folder that nothing needs: %v", err)
	}
	if got := r.get(t, r.ready.HTTP+"/ca.crt"); got.status != http.StatusNotFound {
		t.Errorf("GET /ca.crt: %d, want 404", got.status)
	}
}
