package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"callbox/signaling/client"
)

func TestParseBasePath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/call/", "/a/b-c_d.e~f/", "/rooms/", "/.x/"} {
		var wrong faults
		if got := parseBasePath(path, &wrong); got != path || len(wrong) != 0 {
			t.Errorf("--base-path %q: %q, %v", path, got, wrong)
		}
	}
	for _, path := range []string{
		"", "call", "/call", "call/", "//", "/a//b/", "/./", "/../", "/a/../b/", "/a?b/", "/a/?b", "/a#/", "/%63all/", "/a b/", "/ü/", "/a\\b/", "/a\n/",
		"/r/", "/ws/", "/api/", "/api/v1/", "/assets/", "/ca/", "/check/", "/embed/", "https://example.org/call/",
	} {
		var wrong faults
		if parseBasePath(path, &wrong); len(wrong) != 1 || !strings.HasPrefix(wrong[0].Error(), "--base-path: ") {
			t.Errorf("--base-path %q: %v, want one fault", path, wrong)
		}
	}
}

// TestBelowAPath checks that everything is served below the path, and at the root for
// proxies that strip the path.
func TestBelowAPath(t *testing.T) {
	t.Parallel()
	r := start(t, "--base-path", "/a/call/")
	if !strings.HasSuffix(r.ready.HTTP, "/a/call") || !strings.HasSuffix(r.ready.HTTPS, "/a/call") || strings.HasSuffix(r.ready.Admin, "/call") {
		t.Errorf("ready line %+v, want pages below /a/call", r.ready)
	}
	rooms := 0
	for _, below := range []string{r.ready.HTTP, r.ready.HTTPS} {
		for _, base := range []string{below, strings.TrimSuffix(below, "/a/call")} {
			for path, want := range map[string]int{
				"/": 200, "/r/quiet-river": 200, "/r/%E6%B2%B3": 200, "/r/%2e%2e%2fx": 200, "/ca": 200, "/ca.crt": 200, "/ws": 400,
				"/api/v1/rooms": 405, "/api/v1/nothing": 404, "/nothing": 404, "/a/call/": 404, "//": 404,
			} {
				if base+path == strings.TrimSuffix(below, "/a/call")+"/a/call/" {
					continue // which is the path itself
				}
				if got := r.get(t, base+path); got.status != want {
					t.Errorf("GET %s: %d, want %d", base+path, got.status, want)
				}
			}
			r.join(t, base, fmt.Sprint("room-", rooms))
			rooms++
		}
		page := r.get(t, below+"/r/quiet-river")
		_, asset, found := strings.Cut(page.body, `src="./../`)
		asset, _, _ = strings.Cut(asset, `"`)
		if got := r.get(t, below+"/"+asset); !found || got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
			t.Errorf("the page's script %q: %d, %v", asset, got.status, got.header)
		}
	}
	for path, want := range map[string]string{"/a/call": "/a/call/", "/a/call?lang=zh": "/a/call/?lang=zh"} {
		got := r.sendRaw(t, strings.TrimSuffix(r.ready.HTTP, "/a/call"), "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 0)
		if got.status != http.StatusFound || got.header.Get("Location") != want {
			t.Errorf("GET %s: %d to %q, want %q", path, got.status, got.header.Get("Location"), want)
		}
	}
	for path, want := range map[string]int{"/a/callx": 404, "/a": 404, "/a/": 404, "/a/call%2f": 404, "/%61/call/": 404, "/a/call/../ws": 404, "/r/a": 200} {
		got := r.sendRaw(t, strings.TrimSuffix(r.ready.HTTP, "/a/call"), "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 0)
		if got.status != want {
			t.Errorf("GET %s: %d, want %d", path, got.status, want)
		}
	}
	// As in the arguments of callbox peer.
	c, err := client.Dial(t.Context(), client.Config{NoReconnect: true, URL: r.ready.HTTP + "/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
