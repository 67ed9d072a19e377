package frontend

import (
	"net/http"
	"strings"
)

// embedPrefix is followed by a room, as roomPrefix is. The page there may be shown in a frame.
const embedPrefix = "/embed/"

// noFrames is the part of the policy that keeps pages out of frames.
const noFrames = "frame-ancestors 'none'"

// isEmbedded reports whether a path shows the page for frames of other sites. There is none unless sites are allowed
// to have one.
func (h handler) isEmbedded(escaped string) bool {
	room, ok := strings.CutPrefix(escaped, embedPrefix)
	return ok && h.embedders != "" && room != "" && !strings.Contains(room, "/")
}

// serveEmbedded sends the page that the allowed sites may show in a frame. The browser compares every ancestor of the
// frame, so the page is not shown in an allowed site that is itself in a frame of another one.
func (h handler) serveEmbedded(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", strings.Replace(contentSecurityPolicy, noFrames, "frame-ancestors "+h.embedders, 1))
	w.Header().Set("Cache-Control", "no-store")
	h.framed.serve(w, r, false)
}
