package main

import (
	"net/http"
	"net/http/pprof" // it adds itself to http.DefaultServeMux, which nothing serves
	"strconv"
	"strings"
	"time"
)

// maxProfile is the longest time for which a profile can be taken.
const maxProfile = time.Minute

// addProfiles adds the profiles of the Go runtime, such as /debug/pprof/heap.
// There is no /debug/pprof/cmdline, because flags may contain secrets.
func addProfiles(mux *http.ServeMux) {
	busy := make(chan struct{}, 1) // holds a token while an expensive profile is taken
	for path, handler := range map[string]http.HandlerFunc{
		"":        pprof.Index,
		"profile": pprof.Profile,
		"trace":   pprof.Trace,
		"symbol":  pprof.Symbol,
	} {
		mux.Handle("GET /debug/pprof/"+path, boundProfile(busy, path == "profile" || path == "trace", handler))
	}
}

// boundProfile limits the cost of a profile: its duration, and how many are taken at
// once. A profile is expensive if it takes a while or collects garbage first, or if
// always is true.
func boundProfile(busy chan struct{}, always bool, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seconds, gc := r.FormValue("seconds"), r.FormValue("gc")
		if seconds != "" {
			// This form also rejects NaN.
			if n, err := strconv.ParseFloat(seconds, 64); err != nil || !(n >= 0 && n <= maxProfile.Seconds()) {
				plainText(w, http.StatusBadRequest, "seconds must be a number from 0 to 60\n")
				return
			}
		}
		if !always && seconds == "" && gc == "" {
			next(w, r)
			return
		}
		if isUnmarkedBrowser(r) {
			plainText(w, http.StatusForbidden, "your browser does not say where this request comes from; use curl, or go tool pprof\n")
			return
		}
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
			next(w, r)
		default:
			w.Header().Set("Retry-After", "10")
			plainText(w, http.StatusServiceUnavailable, "another profile is being taken; try again when it is done\n")
		}
	})
}

// isUnmarkedBrowser reports whether a request comes from a browser without Fetch
// Metadata, which browsers omit where the connection is not trustworthy: then any web
// site may have caused it. All browsers call themselves Mozilla, and no site can change
// that.
func isUnmarkedBrowser(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "" && strings.HasPrefix(r.UserAgent(), "Mozilla/")
}
