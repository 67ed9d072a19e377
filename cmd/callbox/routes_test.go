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

// TestProxyNotice holds that an operator behind a proxy is told, once, why
// calls will not connect, and only while that is so.
func TestProxyNotice(t *testing.T) {
	t.Parallel()
	const notice = "name it with --public-ip"
	for _, tc := range []struct {
		flags  []string
		header string
		want   int
	}{
		{nil, "", 0},
		{nil, "X-Forwarded-For", 1},
		{nil, "Forwarded", 1},
		{[]string{"--public-ip", "127.0.0.1"}, "X-Forwarded-For", 0},
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
		if got := strings.Count(r.stderr.String(), notice); got != tc.want {
			t.Errorf("%q with %q: noticed %d times, want %d", tc.flags, tc.header, got, tc.want)
		}
	}
}

// TestReachNotice holds that a start says who can reach the relays.
func TestReachNotice(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		flags []string
		want  string // "": nothing is said
	}{
		{[]string{"--relay-ip", "127.0.0.1"}, "level=INFO msg=\"relays have private addresses"},
		{[]string{"--public-ip", "10.1.2.3", "--relay-ip", "127.0.0.1"}, "level=WARN msg=\"relays are advertised under a private address"},
		{[]string{"--public-ip", "93.184.216.34", "--relay-ip", "127.0.0.1"}, ""},
	} {
		r := start(t, tc.flags...)
		eventually(t, func() error {
			said := strings.Contains(r.stderr.String(), "msg=\"relays ")
			if said != (tc.want != "") || !strings.Contains(r.stderr.String(), tc.want) {
				return errors.New(r.stderr.String())
			}
			return nil
		})
	}
}
