package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestParseEmbedOrigins(t *testing.T) {
	t.Parallel()
	var found faults
	got := parseEmbedOrigins([]string{
		"https://example.org", "https://Shop.Example.org:443", "http://localhost:8000", "http://127.0.0.1:80", "https://bücher.example:8443",
	}, &found)
	want := []string{"https://example.org", "https://shop.example.org", "http://localhost:8000", "http://127.0.0.1", "https://xn--bcher-kva.example:8443"}
	if !slices.Equal(got, want) || len(found) > 0 {
		t.Errorf("the origins are %q, faults %v; want %q", got, found, want)
	}
	for _, bad := range []string{
		"*", "https://*", "https://*.example.org", "null", "'self'", "", "example.org", "https://example.org/", "https://example.org/shop",
		"https://example.org;script-src", "https://a b", "https://a,https://b", "https://user@example.org", "https://[::1]", "https://example.org:", "https://example.org:99999", "ftp://example.org", "https:", "data:",
	} {
		var found faults
		if got := parseEmbedOrigins([]string{bad}, &found); len(got) > 0 || len(found) != 1 {
			t.Errorf("%q gives %q and %d faults, want one fault", bad, got, len(found))
		}
	}
}

// TestAllowEmbed starts servers with and without --allow-embed, and asks for the page for frames.
func TestAllowEmbed(t *testing.T) {
	t.Parallel()
	const page = "/embed/quiet-river"
	plain := start(t)
	if got := plain.get(t, plain.ready.HTTP+page).status; got != http.StatusNotFound {
		t.Errorf("without the flag, %s answers %d", page, got)
	}
	r := start(t, "--base-path", "/call/", "--allow-embed", "https://example.org,https://shop.example:8443")
	for _, base := range []string{r.ready.HTTP, strings.TrimSuffix(r.ready.HTTP, "/call")} {
		got := r.get(t, base+page)
		policy := got.header.Get("Content-Security-Policy")
		if got.status != http.StatusOK || !strings.Contains(policy, "; frame-ancestors https://example.org https://shop.example:8443; ") {
			t.Errorf("%s answers %d with the policy %s", base+page, got.status, policy)
		}
		if !strings.Contains(got.body, `data-embed="https://example.org https://shop.example:8443"`) {
			t.Errorf("%s does not tell the page who may show it", base+page)
		}
	}
	if got := r.get(t, r.ready.HTTP+"/r/quiet-river"); !strings.Contains(got.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Error("the page at /r/ may be shown in frames, too")
	}
}
