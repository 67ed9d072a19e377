package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestProfilesAreBounded checks that no request keeps the program busy for long, and that
// other requests are answered meanwhile.
func TestProfilesAreBounded(t *testing.T) {
	t.Parallel()
	r := start(t)
	const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	ask := func(path string, header http.Header) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ready.Admin+"/debug/pprof/"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range header {
			request.Header[name] = values
		}
		return r.do(t, request).status
	}
	for _, seconds := range []string{"61", "3600", "-1", "1e9", "Inf", "NaN", "x", "60.5", "0x1p10"} {
		for _, path := range []string{"profile", "trace", "heap", "goroutine"} {
			if got := ask(path+"?seconds="+seconds, nil); got != http.StatusBadRequest {
				t.Errorf("%s of %s seconds: %d, want 400", path, seconds, got)
			}
		}
	}
	cross, own, unmarked := http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.Header{"Sec-Fetch-Site": {"same-origin"}, "User-Agent": {browser}}, http.Header{"User-Agent": {browser}}
	for _, path := range []string{"heap?gc=1", "profile?seconds=1", "trace?seconds=1", "allocs?seconds=1", "trace"} {
		if got := ask(path, cross); got != http.StatusForbidden {
			t.Errorf("%s of another site: %d, want 403", path, got)
		}
		if got := ask(path, unmarked); got != http.StatusForbidden {
			t.Errorf("%s of a browser that does not say whose it is: %d, want 403", path, got)
		}
	}
	if got := ask("heap?gc=1", own); got != http.StatusOK {
		t.Errorf("heap?gc=1 of a person at the listener's own page: %d", got)
	}
	if got := ask("", unmarked); got != http.StatusOK {
		t.Errorf("the list of profiles: %d", got)
	}

	done := make(chan int)
	go func() { done <- ask("trace?seconds=1", nil) }()
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/rooms", "/debug/pprof/goroutine?debug=1"} {
		if got := r.get(t, r.ready.Admin+path); got.status != http.StatusOK {
			t.Errorf("GET %s while a trace is taken: %d", path, got.status)
		}
	}
	if got := <-done; got != http.StatusOK {
		t.Errorf("the trace: %d", got)
	}
}

func TestProfilesOneAtATime(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	handler := boundProfile(make(chan struct{}, 1), false, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("seconds") != "" {
			close(begun)
			<-end
		}
	})
	ask := func(target string) int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
		return w.Code
	}
	done := make(chan int)
	go func() { done <- ask("/?seconds=60") }()
	<-begun
	for target, want := range map[string]int{"/?gc=1": 503, "/?seconds=1": 503, "/": 200} {
		if got := ask(target); got != want {
			t.Errorf("%s while a profile is taken: %d, want %d", target, got, want)
		}
	}
	close(end)
	if got := <-done; got != http.StatusOK {
		t.Errorf("the first one: %d", got)
	}
	if got := ask("/?gc=1"); got != http.StatusOK {
		t.Errorf("after it: %d", got)
	}
}
