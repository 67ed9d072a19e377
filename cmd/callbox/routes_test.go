package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

func TestRecoverPanic(t *testing.T) {
	t.Parallel()
	var logged syncBuffer
	e := echo.New()
	e.Use(recoverPanic(slog.New(slog.NewTextHandler(&logged, nil))))
	e.GET("/panic", func(echo.Context) error { panic("at the disco") })
	e.GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	server := httptest.NewServer(e)
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	for path, want := range map[string]int{"/panic": 500, "/": 204, "/abort": 0} {
		response, err := server.Client().Get(server.URL + path)
		switch {
		case want == 0 && err == nil:
			t.Errorf("GET %s: %s, want the connection to break", path, response.Status)
		case want == 0:
			continue
		case err != nil:
			t.Fatal(err)
		case response.StatusCode != want:
			t.Errorf("GET %s: %s, want %d", path, response.Status, want)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := logged.String(); strings.Count(got, "panic in a request") != 1 || !strings.Contains(got, "at the disco") || !strings.Contains(got, "routes_test.go") {
		t.Errorf("log %q, want the panic once and where it was", got)
	}
}

// TestProxyWarnings checks that an operator behind a proxy is warned, once, that calls
// will not connect and that clients share limits, and only if that is so.
func TestProxyWarnings(t *testing.T) {
	t.Parallel()
	const publicIP, trust = "set it with --public-ip", "name it with --trusted-proxy"
	for _, tc := range []struct {
		flags  []string
		header string
		want   map[string]int
	}{
		{nil, "", map[string]int{}},
		{nil, "X-Forwarded-For", map[string]int{publicIP: 1, trust: 1}},
		{nil, "Forwarded", map[string]int{publicIP: 1}},
		{[]string{"--public-ip", "127.0.0.1"}, "X-Forwarded-For", map[string]int{trust: 1}},
		{[]string{"--public-ip", "127.0.0.1", "--trusted-proxy", "127.0.0.0/8"}, "X-Forwarded-For", map[string]int{}},
	} {
		r := start(t, tc.flags...)
		for range 2 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ready.HTTP, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if tc.header != "" {
				request.Header.Set(tc.header, "for=192.0.2.60")
			}
			if got := r.do(t, request); got.status != http.StatusOK {
				t.Fatalf("status %d", got.status)
			}
		}
		for _, notice := range []string{publicIP, trust} {
			if got := strings.Count(r.stderr.String(), notice); got != tc.want[notice] {
				t.Errorf("%q with %q: told %d times to %s, want %d", tc.flags, tc.header, got, notice, tc.want[notice])
			}
		}
	}
}

// TestReachWarning checks that the start says who can reach the relays.
func TestReachWarning(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		flags []string
		want  string // "": nothing is said
	}{
		{[]string{"--relay-ip", "127.0.0.1"}, "level=INFO msg=\"relays have private addresses"},
		{[]string{"--public-ip", "10.1.2.3", "--relay-ip", "127.0.0.1"}, "level=WARN msg=\"relays may not be reachable by everyone\" reason=\"--public-ip: it is a private address"},
		{[]string{"--public-ip", "203.0.113.7", "--relay-ip", "127.0.0.1"}, ""},
	} {
		r := start(t, tc.flags...)
		eventually(t, func() error {
			said := strings.Contains(r.stderr.String(), "relays have private addresses") || strings.Contains(r.stderr.String(), "--public-ip: it is ")
			if said != (tc.want != "") || !strings.Contains(r.stderr.String(), tc.want) {
				return errors.New(r.stderr.String())
			}
			return nil
		})
	}
}
