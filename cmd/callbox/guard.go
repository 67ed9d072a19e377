package main

import (
	"net/http"
	"strings"
)

// guardAdmin keeps web pages out of the admin listener, which has no authentication:
//
//   - A page whose name resolves to this machine (DNS rebinding) is recognised by
//     its Host header, which is a name. On loopback, only localhost and IP addresses
//     are accepted; elsewhere, names may be used for monitoring only, as scrapers do.
//   - Browsers say where a request comes from (Origin, Fetch Metadata). Requests
//     that another site causes are refused, and requests that change something are
//     refused from every page, because callbox has no admin page.
func guardAdmin(onLoopback bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch {
		case !isLocalHost(r.Host) && (onLoopback || !isMonitoring(r)):
			plainText(w, http.StatusForbidden, "the admin listener accepts only localhost and IP addresses as the host, not names\n")
		case isCrossSite(r):
			plainText(w, http.StatusForbidden, "the admin listener does not answer requests from other web sites\n")
		case r.Method != http.MethodGet && r.Method != http.MethodHead && (r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""):
			plainText(w, http.StatusForbidden, "browsers may not change anything here; use a program such as curl\n")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isCrossSite reports whether a page of another origin caused a request.
func isCrossSite(r *http.Request) bool {
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "none" && site != "same-origin" {
			return true
		}
	}
	for _, origin := range r.Header["Origin"] {
		if !strings.EqualFold(origin, "http://"+r.Host) && !strings.EqualFold(origin, "https://"+r.Host) {
			return true
		}
	}
	return false
}

// isMonitoring reports whether a request is for monitoring, which reveals nothing about
// any person.
func isMonitoring(r *http.Request) bool {
	switch r.URL.Path {
	case "/metrics", "/healthz", "/readyz":
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	default:
		return false
	}
}
