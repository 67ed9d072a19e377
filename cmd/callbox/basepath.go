package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// parseBasePath returns the path of --base-path, and adds a fault if it is invalid.
// It allows only characters that need no escape, so that the path has one spelling.
func parseBasePath(path string, faults *faults) string {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/":
	case !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/"):
		faults.addf("--base-path", "%q does not begin and end with a slash, such as /call/", path)
	case strings.Trim(path, allowed) != "":
		faults.addf("--base-path", "%q contains other characters than letters, digits and - . _ ~; a valid path is, for example, /call/", path)
	case slices.ContainsFunc(strings.Split(strings.Trim(path, "/"), "/"), func(part string) bool {
		return part == "" || part == "." || part == ".."
	}):
		faults.addf("--base-path", "%q contains an empty segment, or the segment . or ..", path)
	case slices.Contains(ownPaths(), first):
		faults.addf("--base-path", "%q conflicts with a path of the server itself; choose a name other than %s", path, first)
	}
	return path
}

// ownPaths returns the first segments of the server's own paths. If the base path
// began with one of them, it would be unclear whether a proxy has stripped it.
func ownPaths() []string {
	return []string{"api", "assets", "ca", "ca.crt", "check", "embed", "r", "ws"}
}

// belowPath serves next both below a base path and at the root, because some proxies
// pass the path on and others strip it.
func belowPath(base string, next http.Handler) http.Handler {
	if base == "/" {
		return next
	}
	bare := strings.TrimSuffix(base, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() == bare && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w.Header().Set("Cache-Control", "no-store")
			target := url.URL{Path: base, RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, target.String(), http.StatusFound)
			return
		}
		if strings.HasPrefix(r.URL.EscapedPath(), base) {
			http.StripPrefix(bare, next).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
