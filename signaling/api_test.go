package signaling_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"

	"callbox/signaling"
)

// answer is the part of an HTTP response that tests check.
type answer struct {
	status int
	header http.Header
	body   map[string]string
}

func (s *testServer) ask(t *testing.T, method, path string, header http.Header) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	if response.StatusCode == http.StatusNoContent {
		return a
	}
	if err := json.NewDecoder(response.Body).Decode(&a.body); err != nil {
		t.Errorf("%s %s: the body is no JSON: %v", method, path, err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s %s: Content-Type %q", method, path, kind)
	}
	return a
}

func TestNewRooms(t *testing.T) {
	server := serve(t, defaultConfig())
	spoken := regexp.MustCompile(`^([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz](-([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz]){3}$`)
	seen := make(map[string]bool)
	for range 200 {
		a := server.ask(t, http.MethodPost, "/api/v1/rooms", nil)
		room := a.body["room"]
		if a.status != http.StatusCreated || !spoken.MatchString(room) || seen[room] {
			t.Fatalf("status %d, room %q, seen %v", a.status, room, seen[room])
		}
		seen[room] = true
		if len(seen) == 1 {
			server.join(t, "", room)
		}
	}
}

func TestAPIErrors(t *testing.T) {
	server := serve(t, defaultConfig())
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{http.MethodGet, "/api/v1/nothing", 404, "not_found"},
		{http.MethodPost, "/api/", 404, "not_found"},
		{http.MethodPost, "/api/v2/rooms", 404, "not_found"},
		{http.MethodGet, "/api/v1/rooms", 405, "bad_method"},
		{http.MethodDelete, "/api/v1/rooms", 405, "bad_method"},
	} {
		a := server.ask(t, c.method, c.path, nil)
		if a.status != c.status || a.body["code"] != c.code || a.body["message"] == "" {
			t.Errorf("%s %s: %d %v, want %d %s and a message", c.method, c.path, a.status, a.body, c.status, c.code)
		}
	}
}

func TestCORS(t *testing.T) {
	config := defaultConfig()
	config.AllowedOrigins = []string{"https://friend.example"}
	server := serve(t, config)
	for _, origin := range []string{"https://friend.example", server.url} {
		a := server.ask(t, http.MethodPost, "/api/v1/rooms", http.Header{"Origin": {origin}})
		if a.status != 201 || a.header.Get("Access-Control-Allow-Origin") != origin || a.header.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", origin, a.status, a.header)
		}
		preflight := http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}
		a = server.ask(t, http.MethodOptions, "/api/v1/rooms", preflight)
		if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != origin ||
			a.header.Get("Access-Control-Allow-Methods") == "" || a.header.Get("Access-Control-Allow-Headers") == "" {
			t.Errorf("preflight of %s: %d %v", origin, a.status, a.header)
		}
		if a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials are allowed, and nothing needs them")
		}
	}
	for _, origin := range []string{"https://foe.example", "null", "http://friend.example"} {
		for _, method := range []string{http.MethodPost, http.MethodOptions} {
			header := http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}
			a := server.ask(t, method, "/api/v1/rooms", header)
			if a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" || a.body["code"] == "" {
				t.Errorf("%s from %s: %d %v %v, want 403", method, origin, a.status, a.header, a.body)
			}
		}
	}
	if a := server.ask(t, http.MethodPost, "/api/v1/rooms", nil); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without an origin: %v", a.header)
	}
}

func TestConfigFaultsAreToldAtOnce(t *testing.T) {
	limits := signaling.DefaultLimits()
	limits.Connections = -1
	_, err := signaling.New(signaling.Config{
		Capacity: -1, Ping: -1, Limits: limits,
		AllowedOrigins: []string{"friend.example", "https://ok.example", "https://a.example/path", "*", "null", "ftp://x.example"},
	})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 8 {
		t.Errorf("New: %v, want 8 faults", err)
	}
}
