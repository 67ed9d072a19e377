package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// newRequest returns a request of a session over plain HTTP.
func newRequest(t *testing.T, method, address, secret, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	return request
}

// TestServeStream joins without WebSocket, through all handlers in front of the signaling
// server, with both versions of HTTP, and receives the events of another peer's join and
// of the shutdown.
func TestServeStream(t *testing.T) {
	t.Parallel()
	r := start(t)
	var atTheEnd []func()
	for _, base := range []string{r.ready.HTTP, r.ready.HTTPS} {
		var session struct{ Session string }
		made := r.do(t, newRequest(t, http.MethodPost, base+"/api/v1/sessions", "", ""))
		if err := json.Unmarshal([]byte(made.body), &session); err != nil || session.Session == "" {
			t.Fatalf("no session: %d, %s", made.status, made.body)
		}
		stream, err := r.client.Do(newRequest(t, http.MethodGet, base+"/api/v1/events", session.Session, ""))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Body.Close()
		if got := stream.Header.Get("Content-Type"); stream.StatusCode != http.StatusOK || !strings.HasPrefix(got, "text/event-stream") {
			t.Fatalf("GET /api/v1/events: %s, %q", stream.Status, got)
		}
		room := strings.ReplaceAll(mustHost(t, base), ":", "-")
		joined := r.do(t, newRequest(t, http.MethodPost, base+"/api/v1/frames", session.Session, `{"type":"join","id":1,"room":"`+room+`"}`))
		if joined.status != http.StatusOK || !strings.Contains(joined.body, `"joined"`) {
			t.Fatalf("join: %d, %s", joined.status, joined.body)
		}
		other := dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":%q}`, room)
		lines := bufio.NewScanner(stream.Body)
		await := func(part string) {
			t.Helper()
			for lines.Scan() {
				if strings.Contains(lines.Text(), part) {
					return
				}
			}
			t.Errorf("%s: the stream ended without %q: %v", base, part, lines.Err())
		}
		await(other.Peer)
		atTheEnd = append(atTheEnd, func() { await("closing") })
	}
	if code := r.stop(); code != exitOK {
		t.Errorf("exit code %d with open streams", code)
	}
	for _, check := range atTheEnd {
		check()
	}
}

func mustHost(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
