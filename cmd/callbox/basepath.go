package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// parseBasePath returns the path of --base-path, or notes what is wrong with
// it. Only letters that need no escape are taken, so that it has one spelling.
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

// ownPaths returns the first parts of the paths that the server has. Below one
// of them it would not be plain whether a proxy has taken the base path off.
func ownPaths() []string { return []string{"api", "assets", "ca", "ca.crt", "r", "ws"} }

// belowPath serves next below a base path, and at the root as well: some
// proxies pass the path on, others take it off.
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
