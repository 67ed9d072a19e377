package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGuardAdmin(t *testing.T) {
	t.Parallel()
	const get, head, del, post = http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodPost
	for _, tc := range []struct {
		method, path, host   string
		header               http.Header
		onLoopback, anywhere bool // let through by a listener there
	}{
		{get, "/rooms", "127.0.0.1:9090", nil, true, true},
		{get, "/rooms", "localhost:9090", nil, true, true},
		{get, "/rooms", "localhost", nil, true, true},
		{get, "/rooms", "[::1]:9090", nil, true, true},
		{get, "/rooms", "[::1]", nil, true, true},
		{get, "/rooms", "10.0.0.1", nil, true, true},
		{get, "/rooms", "evil.example", nil, false, false},
		{get, "/rooms", "localhost.evil.example:9090", nil, false, false},
		{get, "/rooms", "127.0.0.1.evil.example", nil, false, false},
		{get, "/rooms", "", nil, false, false},
		{get, "/debug/pprof/heap", "callbox.internal:9090", nil, false, false},
		{get, "/metrics", "callbox.internal:9090", nil, false, true},
		{head, "/healthz", "callbox.internal", nil, false, true},
		{post, "/metrics", "callbox.internal", nil, false, false},
		{get, "/readyz", "callbox.internal", nil, false, true},
		{get, "/metrics/", "callbox.internal", nil, false, false},
		{get, "/rooms", "127.0.0.1", http.Header{"Sec-Fetch-Site": {"none"}}, true, true},
		{get, "/metrics", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"same-origin"}}, true, true},
		{get, "/metrics", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}}, false, false},
		{get, "/healthz", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"same-site"}}, false, false},
		{head, "/rooms", "localhost:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}}, false, false},
		{get, "/debug/pprof/heap?gc=1", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}}, false, false},
		{get, "/debug/pprof/heap", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"none", "cross-site"}}, false, false},
		{get, "/rooms", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {""}}, false, false},
		{get, "/rooms", "127.0.0.1:9090", http.Header{"Origin": {"https://evil.example"}}, false, false},
		{get, "/rooms", "127.0.0.1:9090", http.Header{"Origin": {"null"}}, false, false},
		{get, "/rooms", "127.0.0.1:9090", http.Header{"Origin": {"http://127.0.0.1:8080"}}, false, false},
		{get, "/rooms", "127.0.0.1:9090", http.Header{"Origin": {"http://127.0.0.1:9090"}}, true, true},
		{get, "/rooms", "LOCALHOST.:9090", nil, true, true},
		{del, "/peers/p", "127.0.0.1:9090", nil, true, true},
		{del, "/peers/p", "callbox.internal", nil, false, false},
		{del, "/peers/p", "127.0.0.1:9090", http.Header{"Origin": {"https://evil.example"}}, false, false},
		{del, "/peers/p", "127.0.0.1:9090", http.Header{"Origin": {"null"}}, false, false},
		{del, "/peers/p", "127.0.0.1:9090", http.Header{"Origin": {"http://127.0.0.1:9090"}}, false, false},
		{del, "/peers/p", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"cross-site"}}, false, false},
		{post, "/peers/p", "127.0.0.1:9090", http.Header{"Sec-Fetch-Site": {"same-origin"}}, false, false},
	} {
		for onLoopback, want := range map[bool]bool{true: tc.onLoopback, false: tc.anywhere} {
			passed := false
			next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })
			r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, http.NoBody)
			r.Host = tc.host
			for name, values := range tc.header {
				r.Header[name] = values
			}
			w := httptest.NewRecorder()
			guardAdmin(onLoopback, next).ServeHTTP(w, r)
			if passed != want || !passed && w.Code != http.StatusForbidden {
				t.Errorf("%s %s at %q with %v, on loopback %v: passed %v, %d; want it passed: %v", tc.method, tc.path, tc.host, tc.header, onLoopback, passed, w.Code, want)
			}
		}
	}
}
